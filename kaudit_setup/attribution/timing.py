"""Every time span that a rule of inference goes by, in seconds, with what Kubernetes does in it.

Kubernetes promises few of these times. Where its source holds a number, it is named; the others are how long the
step at the named place takes on a busy cluster, so that a later request is not taken for its consequence.
AS is staging/src/k8s.io/apiserver.
"""

from __future__ import annotations

from typing import Final

# Controllers: from a change to what follows

AT_ONCE: Final = 2.0
"""Two requests of one controller belong to the same piece of work: one turn of its queue
(pkg/controller/replicaset/replica_set.go:syncReplicaSet; 20 requests a second).
"""
NEAR: Final = 15.0
"""A controller follows a change of what it controls, or takes its next step; a Pod made later takes another's place
(pkg/controller/replicaset/replica_set.go:manageReplicas; client-go's DefaultControllerRateLimiter).
"""
PROMPT: Final = 1.0
"""A controller makes the first object that was asked for, the scheduler binds a Pod, if nothing keeps them
(pkg/scheduler/schedule_one.go:ScheduleOne).
"""
REPLACED: Final = 1.0
"""A controller makes another Pod for one that somebody else deleted
(pkg/controller/replicaset/replica_set.go:deletePod).
"""
NEXT_POD: Final = 600.0
"""The controller of a set goes on to the next Pod, once one is gone and its successor is ready; a Deployment has as
long for each step (pkg/apis/apps/v1/defaults.go:SetDefaults_Deployment, progressDeadlineSeconds).
"""
ROLLED: Final = 120.0
"""A DaemonSet's controller makes the successor of a Pod that it deleted for an update, though the log does not show
when that was gone (pkg/controller/daemon/update.go:rollingUpdate).
"""
ADOPTED: Final = 2.0
"""A Deployment's controller takes over a ReplicaSet that matches
(pkg/controller/controller_ref_manager.go:AdoptReplicaSet).
"""
STATUS_REPORTED: Final = 60.0
"""A controller reports the generation that it has seen (pkg/controller/deployment/sync.go:syncDeploymentStatus)."""
BURST: Final = 2.0
"""Requests that are too close to each other to tell which of them made an object
(pkg/controller/replicaset/replica_set.go:slowStartBatch).
"""

# The scheduler and the kubelet, on a new Pod

QUEUED: Final = 60.0
"""A Pod waits for the scheduler (pkg/scheduler/internal/queue/scheduling_queue.go:unschedulableQTimeInterval)."""
KUBELET_REPORTED: Final = 5.0
"""A kubelet first reports on a Pod that was bound to its node
(pkg/kubelet/status/status_manager.go:syncPod; every syncPeriod, 10 s, at the latest).
"""
KUBELET_STARTED: Final = 15.0
"""A kubelet reports on a Pod that needs no scheduler (pkg/kubelet/kubelet.go:syncPod)."""

# Deletions

RIGHT_AFTER: Final = 1.0
"""The garbage collector deletes what depended on one deleted object alone
(pkg/controller/garbagecollector/garbagecollector.go:attemptToDeleteItem).
"""
COLLECTED: Final = 10.0
"""The garbage collector deletes what has no owner left, if its queue is long
(pkg/controller/garbagecollector/garbagecollector.go:attemptToDeleteWorker).
"""
GRACE: Final = 30.0
"""A Pod has to end, if nothing else was asked for (pkg/apis/core/v1/defaults.go:SetDefaults_PodSpec)."""
GONE: Final = 300.0
"""What was deleted is expected to be gone: a Pod's terminationGracePeriodSeconds is rarely longer."""
DELETION_NOTICED: Final = 2.0
"""A controller notices that an object is gone, by its watch (client-go/tools/cache/reflector.go:ListAndWatch)."""
KUBELET_NOTICED: Final = 5.0
"""A kubelet notices that an object is gone (pkg/kubelet/config/apiserver.go:NewSourceApiserver)."""
NAMESPACE_CLOSED: Final = 1.0
"""Each API server refuses creates in a namespace that is going
(AS/pkg/admission/plugin/namespace/lifecycle/admission.go:Admit).
"""

# Nodes

NODE_CHANGE: Final = 600.0
"""A change of a node may be behind what happens to its Pods: twice the tolerationSeconds that Pods get
(plugin/pkg/admission/defaulttolerationseconds/admission.go, 300), and the time until a node is found not ready.
"""
NODE_CHANGE_MOMENTS: Final = 5.0
"""Pods that do not tolerate a taint are deleted
(pkg/controller/nodelifecycle/scheduler/taint_manager.go:processPodOnNode).
"""

# Logs

CLOCK_SKEW: Final = 5.0
"""The clocks of two API servers differ, and the times at which both log a request that one passes on to the other."""
AROUND: Final = 300.0
"""Around the first and the last mention of the object asked about nothing else is thinned out."""
