#!/bin/bash
# Upsets: what people do to the objects of others, twice, half, by mistake and by dry run. Runs beside a lab node.
# W: a folder with admin.conf, ca.crt, and certificates of erin and stella (group team); SRV: the server's address.
# KLAB_SCRIPT: tests/lab/klab, with KLAB set as for the node. It leaves what is true in $W/truth.txt,
# `verb|object|namespace|user|why`.
set -u
: "${W:?}" "${SRV:?}" "${KLAB_SCRIPT:?}"
export KUBECONFIG=$W/admin.conf
k() { local u=$1; shift; case $u in
  erin|stella) kubectl --kubeconfig=/dev/null --server=$SRV --certificate-authority=$W/ca.crt --client-certificate=$W/$u.crt --client-key=$W/$u.key "$@";;
  sa:*) kubectl --kubeconfig=/dev/null --server=$SRV --certificate-authority=$W/ca.crt --token="$(cat $W/tok.${u#sa:})" "$@";;
  admin) kubectl "$@";;
  mallory) kubectl --as mallory "$@";;
  *) kubectl --as $u --as-group team "$@";; esac; }
# q verb obj ns expected-root comment
q() { printf '%s|%s|%s|%s|%s\n' "$1" "$2" "$3" "$4" "$5" >> $W/truth.txt; }
t() { echo "$(date -u +%FT%TZ) $*" >> $W/acts.log; }
pods() { kubectl get pods -n $1 -l $2 -o name --sort-by=.metadata.creationTimestamp 2>/dev/null| sed 's,pod/,,'; }
newpods() { comm -13 <(echo "$3" | sort) <(pods $1 $2 | sort); }
waitp() { # ns label count
 for i in $(seq 40); do [ "$(pods $1 $2 | grep -c .)" = $3 ] && return; sleep .5; done; echo "waitp $* timed out: $(pods $1 $2|wc -l)"; }
deploy() { # name ns replicas [extra label]
cat <<Y
apiVersion: apps/v1
kind: Deployment
metadata: {name: $1, namespace: $2, labels: {app: $1}}
spec:
  replicas: $3
  selector: {matchLabels: {app: ${4:-$1}}}
  template:
    metadata: {labels: {app: ${4:-$1}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: k8s.gcr.io/pause:3.2, env: [{name: A, value: "0"}]}]
Y
}
pod() { # name ns labels
cat <<Y
apiVersion: v1
kind: Pod
metadata: {name: $1, namespace: $2, labels: {app: ${3:-solo}}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: k8s.gcr.io/pause:3.2}]
Y
}
pods() { kubectl get pods -n $1 -l $2 --sort-by=.metadata.creationTimestamp -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}' 2>/dev/null; }
lost() { # before list, ns, label: those gone now
 comm -23 <(echo "$1" | sort) <(pods $2 $3 | sort); }
k admin create clusterrolebinding team --clusterrole=cluster-admin --group=team
k admin create clusterrole imp --verb=impersonate --resource=users,groups,serviceaccounts
for n in alpha beta ops; do k quentin create ns $n; done
k admin create sa deployer -n ops; k admin create sa operator -n ops; k admin create sa cron -n ops
for s in deployer operator cron; do k admin create clusterrolebinding ops-$s --clusterrole=cluster-admin --serviceaccount=ops:$s; done
sleep 2
for s in deployer operator cron; do kubectl get secret -n ops $(kubectl get sa $s -n ops -o jsonpath='{.secrets[0].name}') -o jsonpath='{.data.token}' | base64 -d > $W/tok.$s; done
q created ns/alpha "" quentin "ns create"
q created secret/$(kubectl get sa default -n alpha -o jsonpath='{.secrets[0].name}') alpha quentin "token secret of new namespace: tokens-controller, behind it quentin (unclear)"
q created clusterrolebinding/team "" kubernetes-admin crb
# 1 deployments
deploy api alpha 3 | k alice apply -f -
waitp alpha app=api 3; P0=$(pods alpha app=api); RS0=$(kubectl get rs -n alpha -l app=api -o name | sed 's,.*/,,')
for p in $P0; do q created pod/$p alpha alice "deployment pod"; done
q created rs/$RS0 alpha alice "rs"
deploy api beta 2 | k sa:deployer create -f -
waitp beta app=api 2; for p in $(pods beta app=api); do q created pod/$p beta system:serviceaccount:ops:deployer "same deployment name, other ns, SA token"; done
sleep 1
k bob scale deploy/api -n alpha --replicas=5; waitp alpha app=api 5; P1=$(newpods alpha app=api "$P0"); for p in $P1; do q created pod/$p alpha bob "scaled 3->5"; done
q created deploy/api alpha alice "deploy"; 
sleep 1
k rita scale deploy/api -n alpha --replicas=2; sleep 3; left=$(pods alpha app=api); for p in $(comm -23 <(echo "$P0
$P1" | sort) <(echo "$left"|sort)); do q deleted pod/$p alpha rita "scaled 5->2"; done
k carol set env deploy/api -n alpha A=1; sleep 4; A=$(pods alpha app=api); for p in $(newpods alpha app=api "$left"); do q created pod/$p alpha carol "set env, new rs"; done
for p in $(comm -23 <(echo "$left"|sort) <(echo "$A"|sort)); do q deleted pod/$p alpha carol "replaced by rollout"; done
k dave rollout undo deploy/api -n alpha; sleep 4; B=$(pods alpha app=api); for p in $(newpods alpha app=api "$A"); do q created pod/$p alpha dave "rollout undo: old RS scaled up again"; done
q created rs/$RS0 alpha alice "rs (reused by undo)"
k erin rollout restart deploy/api -n alpha; sleep 4; C=$(pods alpha app=api); for p in $(newpods alpha app=api "$B"); do q created pod/$p alpha erin "rollout restart by client cert"; done
k frank rollout pause deploy/api -n alpha; k frank set env deploy/api -n alpha A=2; sleep 1; k grace rollout resume deploy/api -n alpha; sleep 4; D=$(pods alpha app=api); for p in $(newpods alpha app=api "$C"); do q created pod/$p alpha "grace/frank" "paused change by frank, resumed by grace"; done
q changed deploy/api alpha grace "last change: resume"
# label orphan
L=$(echo "$D" | head -1); k trent label pod $L -n alpha app=debug --overwrite; sleep 2; for p in $(newpods alpha app=api "$D"); do q created pod/$p alpha "trent/grace/frank" "replacement of a Pod that trent relabelled"; done
q changed pod/$L alpha trent "relabel"
# direct lookalike pod
h=$(kubectl get rs -n alpha -l app=api --sort-by=.metadata.creationTimestamp -o jsonpath='{.items[-1:].metadata.name}')
pod $h-zzzzz alpha | k mallory2 create -f -; q created pod/$h-zzzzz alpha mallory2 "hand-made lookalike"
pod $h-yyyyy alpha | kubectl --as system:serviceaccount:kube-system:replicaset-controller create -f -; q created pod/$h-yyyyy alpha kubernetes-admin "admin impersonated replicaset-controller: NOT alice/grace"
# adopted-over pod: person makes pod matching RS, which deletes one
# delete single pod by hand -> replacement
V=$(pods alpha app=api | head -1); X=$(pods alpha app=api); k judy delete pod $V -n alpha --wait=false; sleep 3; q deleted pod/$V alpha judy "delete by hand"; for p in $(newpods alpha app=api "$X"); do q created pod/$p alpha "judy/grace/frank" "replacement after judy's delete"; done
# rs deleted by hand: recreated by deployment controller
k wanda delete rs $h -n alpha --wait=false; sleep 4; q deleted rs/$h alpha wanda "rs deleted by hand; recreated"; q created rs/$h alpha "grace/frank/wanda" "rs recreated after wanda's delete"
t s1 done
# repeat trio: scale down, rollouts, relabel with the right deletion bookkeeping
deploy shop beta 4 | k hugo apply -f -; waitp beta app=shop 4; A=$(pods beta app=shop); sleep 2
k rita scale deploy/shop -n beta --replicas=2; sleep 2; for p in $(lost "$A" beta app=shop); do q deleted pod/$p beta rita "scaled 4->2"; done
A=$(pods beta app=shop); k carol patch deploy shop -n beta -p '{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"9"}]}]}}}}'; sleep 5
for p in $(lost "$A" beta app=shop); do q deleted pod/$p beta carol "replaced by patch rollout"; done
for p in $(newpods beta app=shop "$A"); do q created pod/$p beta carol "patch rollout"; done
D=$(pods beta app=shop); L=$(echo "$D" | head -1); k trent label pod $L -n beta app=debug --overwrite; sleep 2; for p in $(newpods beta app=shop "$D"); do q created pod/$p beta "trent/carol" "replacement of a Pod that trent relabelled"; done
q changed pod/$L beta trent "relabel"; q created pod/$L beta carol "orphaned pod: still carol's"
D=$(pods beta app=shop); V=$(echo "$D" | tail -1); k judy delete pod $V -n beta --wait=false; sleep 3; q deleted pod/$V beta judy "delete by hand"; for p in $(newpods beta app=shop "$D"); do q created pod/$p beta "judy/carol" "replacement after judy's delete"; done
# autoscaled, statefulset etc
cat <<Y | k heidi apply -f -
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: alpha}
spec:
  serviceName: db
  replicas: 1
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}
Y
sleep 4; q created pod/db-0 alpha "heidi" "sts pod (later judy2 deleted it -> second incarnation)"
k ivan scale sts db -n alpha --replicas=3; sleep 8; q created pod/db-1 alpha ivan "sts scaled"; q created pod/db-2 alpha ivan "sts scaled"
kubectl get pods -n alpha -l app=db
k judy2 delete pod db-0 -n alpha --wait=false; q deleted pod/db-0 alpha judy2 "by hand"
# DaemonSet by node label
cat <<Y | k kate apply -f -
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: alpha}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {nodeSelector: {gpu: "yes"}, terminationGracePeriodSeconds: 1, containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}
Y
sleep 1; k larry label node cp1 gpu=yes; sleep 2; A=$(pods alpha app=agent); for p in $A; do q created pod/$p alpha "kate/larry" "ds; node labelled by larry"; done
k larry label node cp1 gpu-; sleep 2; for p in $A; do q deleted pod/$p alpha "larry" "ds pod removed since larry took label away (DS controller)"; done
# Jobs
k mike create job once --image=k8s.gcr.io/pause:3.2 -n alpha; sleep 2; for p in $(pods alpha job-name=once); do q created pod/$p alpha mike "job pod"; done
k nina create cronjob tick --image=k8s.gcr.io/pause:3.2 --schedule='*/1 * * * *' -n alpha
q created cronjob/tick alpha nina "cronjob"
k oscar create job manual-1 --from=cronjob/tick -n alpha
k oscar create job tick-1606324980 --from=cronjob/tick -n alpha
k sa:cron create job tick-28000000 --from=cronjob/tick -n alpha 
sleep 2
q created job/manual-1 alpha oscar "by hand from cronjob"; for p in $(pods alpha job-name=manual-1); do q created pod/$p alpha oscar "pod of hand made job"; done
q created job/tick-1606324980 alpha oscar "by hand, looks like cronjob's"; for p in $(pods alpha job-name=tick-1606324980); do q created pod/$p alpha oscar "pod of lookalike job"; done
for p in $(pods alpha job-name=tick-28000000); do q created pod/$p alpha system:serviceaccount:ops:cron "pod of lookalike job by SA"; done
J=$(kubectl get job -n alpha -o name | sort)
# HPA
deploy auto alpha 2 | k zack create -f -; waitp alpha app=auto 2; A=$(pods alpha app=auto); for p in $A; do q created pod/$p alpha zack "before hpa"; done
k yvonne autoscale deploy auto -n alpha --min=4 --max=6
# Cascades
for n in c-orphan c-fg c-bg; do deploy $n alpha 2 | k alice apply -f -; done; for n in c-orphan c-fg c-bg; do waitp alpha app=$n 2; done
O=$(pods alpha app=c-orphan); F=$(pods alpha app=c-fg); B=$(pods alpha app=c-bg); OR=$(kubectl get rs -n alpha -l app=c-orphan -o name|sed 's,.*/,,')
k peggy delete deploy c-orphan -n alpha --cascade=orphan; q deleted deploy/c-orphan alpha peggy orphan
k rupert delete deploy c-fg -n alpha --cascade=foreground --wait=false
k sybil delete deploy c-bg -n alpha --cascade=background; sleep 6
for p in $F; do q deleted pod/$p alpha rupert "foreground cascade"; done; for p in $B; do q deleted pod/$p alpha sybil "background cascade"; done
q deleted rs/$OR alpha NOBODY "orphaned rs, still there"
set -- $O; q deleted pod/$1 alpha NOBODY "orphaned, alive"
k quinn delete pod $2 -n alpha --wait=false; q deleted pod/$2 alpha quinn "by hand from orphaned RS"; sleep 3; for p in $(newpods alpha app=c-orphan "$O"); do q created pod/$p alpha "quinn/alice" "replacement in orphaned RS"; done
# deployment adopts orphaned RS when recreated
deploy c-orphan alpha 3 | k ruth apply -f -; sleep 4; for p in $(newpods alpha app=c-orphan "$O"); do echo "newp $p"; done; kubectl get rs,pods -n alpha -l app=c-orphan
for p in $(pods alpha app=c-orphan|tail -1); do q created pod/$p alpha "ruth" "deployment made again with 3 replicas adopts RS: 3rd Pod"; done
# HPA done?
for p in $(newpods alpha app=auto "$A"); do q created pod/$p alpha yvonne "hpa min 4"; done
# exec etc
k ursula exec db-1 -n alpha -- ls; k sa:operator attach db-1 -n alpha & sleep 2; kill $!; timeout 3 kubectl --as vlad --as-group team port-forward -n alpha pod/db-1 18080:80; k erin get --raw /api/v1/namespaces/alpha/pods/db-1/proxy/; k noexec exec db-1 -n alpha -- ls; k mallory exec db-1 -n alpha -- ls; k bob logs db-1 -n alpha
q exec pod/db-1 alpha "ursula,operator,vlad,erin (noexec in team so yes)" "exec attach pf proxy; mallory 403; bob logs not exec"
# evictions
pod ev1 alpha evict | k alice create -f -; pod ev2 alpha evict | k alice create -f -; sleep 3
cat <<Y | k wendy create -f -
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: pdb, namespace: alpha}
spec: {minAvailable: 2, selector: {matchLabels: {app: evict}}}
Y
sleep 1.5; timeout 4 kubectl --as victor --as-group team drain cp1 --pod-selector app=evict --force --delete-emptydir-data --timeout=3s; k wendy delete pdb pdb -n alpha; 
timeout 20 kubectl --as vera --as-group team drain cp1 --pod-selector app=evict --force --timeout=15s; k nick uncordon cp1
q deleted pod/ev1 alpha vera "evicted by vera after victor's refused 429"; q changed node/cp1 "" "nick" "uncordon last (kubelet's status patches?)"
q created pod/ev2 alpha alice ""
t s2 done
cj() { cat <<Y
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: $1, namespace: alpha}
spec:
  schedule: '*/1 * * * *'
  successfulJobsHistoryLimit: 1
  concurrencyPolicy: ${2:-Allow}
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, terminationGracePeriodSeconds: 1, containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}}}
Y
}
fromcj() { # jobname cj
local uid=$(kubectl get cronjobs.v1beta1.batch $2 -n alpha -o jsonpath='{.metadata.uid}'); cat <<Y
apiVersion: batch/v1
kind: Job
metadata: {name: $1, namespace: alpha, annotations: {cronjob.kubernetes.io/instantiate: manual}, ownerReferences: [{apiVersion: batch/v1beta1, kind: CronJob, name: $2, uid: $uid, controller: true}]}
spec: {template: {spec: {restartPolicy: Never, terminationGracePeriodSeconds: 1, containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}}
Y
}
cj tick | k nina create -f -
cj rep Replace | k nora create -f -
q created cronjob/tick alpha nina "cronjob"
J0=$(kubectl get job -n alpha -o name)
fromcj manual-1 tick | k oscar create -f -
fromcj tick-1606324980 tick | k oscar create -f -
fromcj tick-28000000 tick | k sa:cron create -f -
sleep 2
q created job/manual-1 alpha oscar "by hand from cronjob"; for p in $(pods alpha job-name=manual-1); do q created pod/$p alpha oscar "pod of hand made job"; done
q created job/tick-1606324980 alpha oscar "by hand, looks like cronjob's"; for p in $(pods alpha job-name=tick-1606324980); do q created pod/$p alpha oscar "pod of lookalike job"; done
for p in $(pods alpha job-name=tick-28000000); do q created pod/$p alpha system:serviceaccount:ops:cron "pod of lookalike job by SA"; done
# namespaces
k xavier create ns gamma; sleep 1; pod doomed gamma | k alice create -f -; deploy gd gamma 1 | k bob create -f -; k carol create cm gcm -n gamma --from-literal=a=b; sleep 2; GP=$(pods gamma app=gd)
k xena delete ns gamma --wait=false; sleep 1
q deleted pod/doomed gamma xena "namespace deleted"; q deleted pod/$GP gamma xena "ns deleted, pod of deployment"; q deleted cm/gcm gamma xena "ns deleted"; q created pod/$GP gamma bob "in deleted ns"; q deleted ns/gamma "" xena ""
# failed and dry runs
pod nope alpha | k mallory create -f -; q created pod/nope alpha NOBODY "403 by mallory only"
pod dry alpha | k alice create --dry-run=server -f -; q created pod/dry alpha NOBODY "dry run only by alice"
pod once-more alpha | k alice create -f -; pod once-more alpha | k bob create -f -; q created pod/once-more alpha alice "bob got 409"
k bob delete pod once-more -n alpha --dry-run=server; k mallory delete pod once-more -n alpha; k carol delete pod once-more -n alpha --wait=false; sleep 1.5; k dave delete pod once-more -n alpha; q deleted pod/once-more alpha carol "bob dry-run, mallory 403, dave 404 later"
k grace delete pod neverwas -n alpha; q deleted pod/neverwas alpha NOBODY "404 by grace"
pod bad alpha | sed 's/name: c,/name: C_C,/' | k alice create -f -; q created pod/bad alpha NOBODY "422 alice"
k alice create cm vals -n alpha --from-literal=x=1; q created cm/vals alpha alice ""
k bob patch cm vals -n alpha -p '{"data":{"x":"2"}}'; k carol patch cm vals -n alpha --dry-run=server -p '{"data":{"x":"3"}}'; k mallory patch cm vals -n alpha -p '{"data":{"x":"4"}}'
RV=$(kubectl get cm vals -n alpha -o jsonpath='{.metadata.resourceVersion}'); k dave patch cm vals -n alpha -p '{"data":{"x":"5"}}'; kubectl get cm vals -n alpha -o yaml | sed "s/resourceVersion.*/resourceVersion: \"$RV\"/" | k tina replace -f -; q changed cm/vals alpha dave "carol dry, mallory 403, tina 409, after dave"
# generateName
gen() { pod x alpha gen | sed 's/name: x,/generateName: gen-,/'; }
gen | k anna create -f -; sleep 2; G1=$(pods alpha app=gen); sleep 3; gen | k boris create -f -; sleep 2; G2=$(newpods alpha app=gen "$G1")
q created pod/$G1 alpha anna "generateName, 5s apart from boris"; q created pod/$G2 alpha boris "generateName"
(gen | k anna create -f - &); gen | k boris create -f -; sleep 2; kubectl get pods -n alpha -l app=gen
# ssa
deploy ssa alpha 1 | k boris apply --server-side -f -; sleep 2; q created deploy/ssa alpha boris "server side apply = patch 201"; q created pod/$(pods alpha app=ssa) alpha boris "ssa"
deploy ssa alpha 2 | k cleo apply --server-side --force-conflicts -f -; A=$(pods alpha app=ssa);sleep 2; for p in $(newpods alpha app=ssa "$A"); do q created pod/$p alpha cleo "ssa change 1->2"; done; q changed deploy/ssa alpha cleo ssa
# twins
pod twin alpha | k cleo create -f -; sleep 1; k dmitri delete pod twin -n alpha --wait; pod twin alpha | k elena create -f -; q created pod/twin alpha elena "made again; first by cleo"; q deleted pod/twin alpha dmitri "first incarnation; now exists"
pod frep alpha | k sam create -f -; sleep 1;  pod frep alpha | k sid replace --force -f -; q created pod/frep alpha sid "replace --force"; q deleted pod/frep alpha sid "replace --force"
# long names
Lg=this-is-a-very-long-deployment-name-that-never-seems-to-end
deploy ${Lg}-one alpha 1 longone | k lena create -f -; deploy ${Lg}-two alpha 1 longtwo | k luis create -f -; sleep 3; q created pod/$(pods alpha app=longone) alpha lena "long name"; q created pod/$(pods alpha app=longtwo) alpha luis "long name, same 58 first chars"
LJ=a-job-with-a-name-of-sixty-three-characters-which-is-the-limit1
k mike create job $LJ --image=k8s.gcr.io/pause:3.2 -n alpha; sleep 2; q created pod/$(pods alpha job-name=$LJ) alpha mike "63 char job"
# prefix confusion
deploy web alpha 1 | k alice create -f -; deploy web-api alpha 1 | k bob create -f -; deploy api-web alpha 1 | k carol create -f -; sleep 3; for x in web:alice web-api:bob api-web:carol; do q created pod/$(pods alpha app=${x%:*}) alpha ${x#*:} "prefix confusion"; done
cat <<Y | k gustav create -f -
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-5d4f8c7b9d, namespace: alpha}
spec: {replicas: 1, selector: {matchLabels: {app: lone}}, template: {metadata: {labels: {app: lone}}, spec: {containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}}
Y
cat <<Y | k olga create -f -
apiVersion: v1
kind: ReplicationController
metadata: {name: rc, namespace: alpha}
spec: {replicas: 1, selector: {app: rc}, template: {metadata: {labels: {app: rc}}, spec: {containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}}
Y
sleep 2; q created pod/$(pods alpha app=lone) alpha gustav "hand-made RS named like web's"; q created pod/$(pods alpha app=rc) alpha olga "replicationcontroller"
# secrets
k alice create secret generic s1 -n alpha --from-literal=p=1; k fiona get secret s1 -n alpha; k gus get secrets -n alpha; timeout 2 kubectl --as hana --as-group team get secret s1 -n alpha -w; timeout 2 kubectl --as hank --as-group team get secrets -A -w >/dev/null; k mallory get secret s1 -n alpha; k ida get secret s1 -n beta
q read secret/s1 alpha "fiona,gus(list),hana(watch),hank(watch all)" "mallory 403; ida in beta 404"
# svc
k pia create svc clusterip s-v-c --tcp=80:80 -n alpha; sleep 2; q created endpoints/s-v-c alpha pia "endpoints controller"; q created endpointslice/$(kubectl get endpointslices.v1beta1.discovery.k8s.io -n alpha -l kubernetes.io/service-name=s-v-c -o name | sed 's,.*/,,') alpha pia "endpointslice"
# sa token
kubectl --as mona --as-group team create --raw /api/v1/namespaces/ops/serviceaccounts/deployer/token -f - <<<'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}' >/dev/null; q created sa/deployer ops kubernetes-admin "not mona who asked for a token"
# status / scale sub
k sten patch deploy web -n alpha --subresource=status --type=merge -p '{"status":{"observedGeneration":1}}'
# double delete
pod dd alpha | sed 's/terminationGracePeriodSeconds: 1/terminationGracePeriodSeconds: 30/' | k alice create -f -; sleep 3; k uma delete pod dd -n alpha --wait=false; sleep .5; k vito delete pod dd -n alpha --force --grace-period=0; q deleted pod/dd alpha "uma/vito" "uma's graceful first, vito forced"
pod dc1 alpha dc | k alice create -f -; pod dc2 alpha dc | k alice create -f -; sleep 3; 
kubectl --as walter --as-group team proxy --port=18199 & PP=$!; sleep 1; curl -s -X DELETE "localhost:18199/api/v1/namespaces/alpha/pods?labelSelector=app%3Ddc" -o /dev/null -w '%{http_code}\n'; kill $PP; sleep 3; q deleted pod/dc1 alpha walter deletecollection; q deleted pod/dc2 alpha walter deletecollection; q deleted pod/api-8c885b86c-zzzzz alpha NOBODY "not matched by walter's deletecollection selector, alive"
t s3 done
# ghost node
cat <<Y | k uma create -f -
apiVersion: v1
kind: Node
metadata: {name: ghost}
Y
pod onghost alpha ghost | k alice create -f -   # may be scheduled to cp1 first; bind by hand instead with nodeName
pod onghost2 alpha ghost | sed 's/^spec:/spec:\n  nodeName: ghost/' | k vera create -f -
k wes delete node ghost --wait=false
# cron jobs so far
kubectl get job,pods -n alpha | grep -E 'tick|rep'
for j in $(kubectl get job -n alpha -o name | grep -E '/(tick|rep)-1[0-9]{9}$' | sed 's,.*/,,'); do case $j in tick-1606324980) ;; tick-*) q created job/$j alpha nina "cronjob run"; for p in $(pods alpha job-name=$j); do q created pod/$p alpha nina "cronjob run pod"; done;; rep-*) q created job/$j alpha nora "cronjob run";for p in $(pods alpha job-name=$j); do q created pod/$p alpha nora "cronjob run pod"; done; RJ=$j; RP=$(pods alpha job-name=$j);; esac; done
# CRD
cat <<Y | k igor create -f -
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.acme.io}
spec:
  group: acme.io
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wi]}
  versions: [{name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
Y
sleep 3
w() { echo "{apiVersion: acme.io/v1, kind: Widget, metadata: {name: $1, namespace: alpha}, spec: {n: 1}}"; }
w w1 | k jana create -f -; w w2 | k jens create -f -; w w3 | k jana create -f -
U=$(kubectl get widget w1 -n alpha -o jsonpath='{.metadata.uid}')
pod w1-pod alpha wp | sed "s/^metadata: {/metadata: {ownerReferences: [{apiVersion: acme.io\/v1, kind: Widget, name: w1, uid: $U, controller: true}], /" | k sa:operator create -f -
k sa:operator patch widget w1 -n alpha --subresource=status --type=merge -p '{"status":{"ok":true}}'
q created widgets.acme.io/w1 alpha jana "CR"; q created pod/w1-pod alpha "system:serviceaccount:ops:operator" "operator pod for jana's widget"
k karl patch widget w1 -n alpha --type=merge -p '{"spec":{"n":2}}'; k sa:operator patch widget w1 -n alpha --subresource=status --type=merge -p '{"status":{"ok":false}}'; q changed widgets.acme.io/w1 alpha "operator(status)/karl" "status after karl"
sleep 2; k karl delete widget w1 -n alpha; q deleted widgets.acme.io/w1 alpha karl ""; q deleted pod/w1-pod alpha karl "garbage collected since karl deleted the CR"
sleep 1; k lena delete crd widgets.acme.io; q deleted widgets.acme.io/w2 alpha lena "CRD deleted"; q deleted crd/widgets.acme.io "" lena ""
# deployment deleted and created again, same template
deploy again beta 1 | k alice create -f -; sleep 2; A1=$(pods beta app=again); k bob delete deploy again -n beta; sleep 3; deploy again beta 1 | k carol create -f -; sleep 3; A2=$(pods beta app=again)
q created pod/$A1 beta alice "first incarnation of deployment"; q created pod/$A2 beta carol "second incarnation, same RS name"; q deleted pod/$A1 beta bob ""; q created rs/${A2%-*} beta carol "second incarnation; first alice"; q deleted pod/$A2 beta NOBODY "alive"
# orphan delete by person, then scale RS directly
k stella scale rs ${A2%-*} -n beta --replicas=3; sleep 2
# job widened
cat <<Y | k mike create -f -
apiVersion: batch/v1
kind: Job
metadata: {name: wide, namespace: beta}
spec: {parallelism: 1, completions: 6, template: {spec: {restartPolicy: Never, containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}}
Y
sleep 2; A=$(pods beta job-name=wide); k mona patch job wide -n beta -p '{"spec":{"parallelism":3}}'; sleep 3; q created pod/$A beta mike "job first pod"; for p in $(newpods beta job-name=wide "$A"); do q created pod/$p beta mona "parallelism 1->3"; done
A=$(pods beta job-name=wide); k mae delete job wide -n beta --wait=false; sleep 2; q deleted pod/$(echo $A | cut -d' ' -f1) beta mae "job deleted"
# cronjob suspended and resumed
k nils patch cronjobs.v1beta1.batch tick -n alpha -p '{"spec":{"suspend":true}}'; q changed cronjob/tick alpha "nils (or status by controller)" suspend
# recreated namespace
k xavier create ns delta; sleep 1; pod p1 delta | k alice create -f -; sleep 2; k xena delete ns delta; k yuri create ns delta; sleep 1; pod p1 delta | k bob create -f -; q created pod/p1 delta bob "2nd ns incarnation"; q created ns/delta "" yuri ""; q deleted pod/p1 delta xena "1st incarnation; now exists"; q created sa/default delta yuri "sa default by controller"
# DS image update by person
# hostile
pod hostile alpha | kubectl --as $'m\u202eallory' --as-group team create -f -; q created pod/hostile alpha $'m\u202eallory' "RTL override"
pod hostile2 alpha | kubectl --as '[red]x[/red]|a`b' --as-group team create -f -; q created pod/hostile2 alpha '[red]x[/red]!a`b' markup
# user that impersonates a person and SA impersonating
k sa:operator create cm viasa -n alpha --as zoe --as-group team; q created cm/viasa alpha "zoe by SA operator" "impersonated by SA"
k erin create cm viaerin -n alpha --as system:serviceaccount:ops:deployer; q created cm/viaerin alpha "SA deployer impersonated by erin" ""
pod denied alpha | kubectl --kubeconfig=/dev/null --server=$SRV --certificate-authority=$W/ca.crt --as alice --token=badtoken create -f - 
# impersonation rejected: mallory cannot
k stella create cm x -n alpha --as alice
# rbac
k admin create rolebinding rb -n alpha --clusterrole=edit --user=mallory; q created rolebinding/rb alpha kubernetes-admin ""
k mallory create cm bymal -n alpha; q created cm/bymal alpha mallory "after grant"
k admin delete rolebinding rb -n alpha
# edit by EDITOR
EDITOR="sed -i s/a:/a:/;s/labels:/labels:/" true; EDITOR='sed -i s/replicas:.1/replicas:\ 2/' k petra edit deploy web -n alpha; sleep 3; WP=$(pods alpha app=web | tail -1); q created pod/$WP alpha petra "edit replicas 1->2"
# rapid: two persons within the same second
(k p1 scale deploy web-api -n alpha --replicas=2 &); k p2 set env deploy/api-web -n alpha A=7; sleep 4; for p in $(pods alpha app=web-api | tail -1); do q created pod/$p alpha p1 "parallel acts on two deployments"; done; for p in $(pods alpha app=api-web | tail -1); do q created pod/$p alpha p2 "parallel"; done
# change that is no cause: annotate between
deploy quiet alpha 1 | k alice create -f -; sleep 2; A=$(pods alpha app=quiet); k bob scale deploy quiet -n alpha --replicas=2; k carol annotate deploy quiet -n alpha x=y; k dave label deploy quiet -n alpha x=y; sleep 2; for p in $(newpods alpha app=quiet "$A"); do q created pod/$p alpha bob "scale by bob, right after annotations by carol and dave"; done
k admin get deploy quiet -n alpha -o yaml > $W/quiet.yaml; A=$(pods alpha app=quiet); k dave annotate deploy quiet -n alpha y=z; sleep 1; K=$(echo "$A"|head -1); k erin delete pod $K -n alpha --wait=false; sleep 2; for p in $(newpods alpha app=quiet "$A"); do q created pod/$p alpha "erin/bob/alice; NOT dave" "replacement after erin's delete, dave only annotated"; done
# rejected scale then real
k mallory scale deploy quiet -n alpha --replicas=9; A=$(pods alpha app=quiet); k fay scale deploy quiet -n alpha --replicas=3; sleep 2; for p in $(newpods alpha app=quiet "$A"); do q created pod/$p alpha fay "mallory's scale was 403"; done
# scale through RS, fought back
# static pod
pod stat kube-system | "$KLAB_SCRIPT" exec cp1 sh -c 'cat > /etc/kubernetes/manifests/.s && mv /etc/kubernetes/manifests/.s /etc/kubernetes/manifests/stat.yaml'
sleep 8; kubectl get pods -n kube-system; q created pod/stat-cp1 kube-system "system:node:cp1" "static Pod: node cp1"
k gwen delete pod stat-cp1 -n kube-system --wait=false; sleep 3; q deleted pod/stat-cp1 kube-system gwen "mirror pod deleted, made again by kubelet"
kubectl get job,pods -n alpha | grep -E 'tick|rep|ghost'
q deleted pod/$RP alpha "nora (controller)" "concurrency Replace: old job deleted by the cronjob controller"; q deleted job/$RJ alpha "nora (controller)" "same"
q deleted pod/onghost2 alpha wes "pod gc after node ghost deleted"
sleep 20; kubectl get pods -n alpha | grep ghost; kubectl get job -n alpha
t s4 done
k igor get ns alpha >/dev/null
cat <<Y | k igor create -f -
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.acme.io}
spec:
  group: acme.io
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wi]}
  versions: [{name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
Y
sleep 3
w() { printf 'apiVersion: acme.io/v1\nkind: Widget\nmetadata: {name: %s, namespace: alpha}\nspec: {n: 1}\n' $1; }
w w1 | k jana create -f -; w w2 | k jens create -f -; w w3 | k jana create -f -
U=$(kubectl get widget w1 -n alpha -o jsonpath='{.metadata.uid}')
pod w1-pod alpha wp | sed "s/^metadata: {/metadata: {ownerReferences: [{apiVersion: acme.io\/v1, kind: Widget, name: w1, uid: $U, controller: true}], /" | k sa:operator create -f -
k sa:operator patch widget w1 -n alpha --subresource=status --type=merge -p '{"status":{"ok":true}}'
q created widgets.acme.io/w1 alpha jana "CR"; q created pod/w1-pod alpha "system:serviceaccount:ops:operator" "operator pod for jana's widget"
k karl patch widget w1 -n alpha --type=merge -p '{"spec":{"n":2}}'; k sa:operator patch widget w1 -n alpha --subresource=status --type=merge -p '{"status":{"ok":false}}'; q changed widgets.acme.io/w1 alpha "operator(status)/karl" "status after karl"
sleep 2; k karl delete widget w1 -n alpha; q deleted widgets.acme.io/w1 alpha karl ""; sleep 2; q deleted pod/w1-pod alpha karl "garbage collected since karl deleted the CR"
k lena delete crd widgets.acme.io; q deleted widgets.acme.io/w2 alpha lena "CRD deleted"; q deleted crd/widgets.acme.io "" lena ""; q created crd/widgets.acme.io "" igor ""
# deploy with person changed just status/labels of Pod, orphan Pod adopted by a new RS: pod made by hand with labels, then deployment adopts? (RS adopts only if selector incl hash)
pod stray beta stray | k walt create -f -; sleep 1
cat <<Y | k gustav create -f -
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: stray, namespace: beta}
spec: {replicas: 2, selector: {matchLabels: {app: stray}}, template: {metadata: {labels: {app: stray}}, spec: {containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}}
Y
sleep 3; q created pod/stray beta walt "adopted later by gustav's RS stray"; q created pod/$(pods beta app=stray | grep -v '^stray$') beta gustav "RS adopting"
k greta delete rs stray -n beta --wait=false; sleep 3; q deleted pod/stray beta greta "adopted, then RS deleted -> GC"
# sts scale down and delete
A=$(pods alpha app=db); k irma scale sts db -n alpha --replicas=1; sleep 5; q deleted pod/db-2 alpha irma "sts scaled 3->1"; k ivan scale sts db -n alpha --replicas=3; sleep 6; q created pod/db-2 alpha ivan "sts scaled 1->3 second time (both by ivan)"
k isa rollout restart sts db -n alpha; sleep 12; q created pod/db-1 alpha isa "sts rollout restart; last incarnation"; q deleted pod/db-1 alpha isa "rollout restart"
# hpa: manual fight. boss scales autoscaled deploy down to 2 -> hpa up again to 4
A=$(pods alpha app=auto); k boss scale deploy auto -n alpha --replicas=2; sleep 20; for p in $(newpods alpha app=auto "$A"); do q created pod/$p alpha "yvonne(hpa)/boss" "boss scaled down to 2, HPA back up to 4"; done; for p in $(lost "$A" alpha app=auto); do q deleted pod/$p alpha boss "boss scaled 4->2"; done
# proxy-user: exec only by a failed one
pod noex beta | k alice create -f -; sleep 2; k mallory exec noex -n beta -- ls; q exec pod/noex beta NOBODY "mallory 403"; q read secret/nosuch alpha NOBODY ""; q deleted pod/noex beta NOBODY alive
q changed cm/gcm gamma NOBODY "created by carol, never changed; ns deleted"
kubectl get rs,pods -n beta -l app=again; 
kubectl get pods -A -o wide > $W/final.txt; kubectl get deploy,rs,job,sts -A >> $W/final.txt
t s5 done
k alice create ns eps; sleep 1
# dry run delete of a configmap then real
k alice create cm c1 -n eps; sleep 1; k bob delete cm c1 -n eps --dry-run=server; sleep 1; k carol delete cm c1 -n eps; q deleted cm/c1 eps carol "bob's dry-run delete earlier answered 200; carol's also 200"
k alice create cm c2 -n eps; sleep 1; k bob delete cm c2 -n eps --dry-run=server; sleep 1; k dave patch cm c2 -n eps -p '{"data":{"a":"b"}}'; q deleted cm/c2 eps NOBODY "bob dry-run only; dave patched it after; alive"; q changed cm/c2 eps dave ""
# dry-run deploy delete then scale
deploy dr eps 1 | k alice create -f -; sleep 2; k bob delete deploy dr -n eps --dry-run=server; sleep 1; k carol scale deploy dr -n eps --replicas=2; sleep 2; k dave delete deploy dr -n eps; sleep 2; q deleted deploy/dr eps dave "bob dry run"
# dry-run scale/patch before actual scale by someone else (query has dryRun)
deploy ds eps 1 | k alice create -f -; sleep 2; A=$(pods eps app=ds); k carol scale deploy ds -n eps --replicas=2; sleep 1; k dave scale deploy ds -n eps --replicas=5 --dry-run=server; sleep 2; q created pod/$(newpods eps app=ds "$A") eps carol ""
# scale then change of metadata image of no effect; scale to 0 and up
k erin scale deploy ds -n eps --replicas=0; sleep 3; k fred scale deploy ds -n eps --replicas=2; sleep 3; for p in $(pods eps app=ds); do q created pod/$p eps fred "0->2 after erin's 5->0"; done; q deleted pod/$A eps erin "scaled to 0"
# rollout restart by X, then Y scales during rollout
deploy mix eps 3 | k alice create -f -; waitp eps app=mix 3; sleep 4; A=$(pods eps app=mix); k xavier set env deploy mix -n eps A=5; sleep .3; k yuri scale deploy mix -n eps --replicas=5; sleep 6; for p in $(newpods eps app=mix "$A"); do q created pod/$p eps "xavier/yuri" "rollout by xavier, yuri scales 3->5 in the middle"; done
# DaemonSet changed image
cat <<Y | k kate apply -f -
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ag, namespace: eps}
spec:
  selector: {matchLabels: {app: ag}}
  template: {metadata: {labels: {app: ag}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}
Y
sleep 4; A=$(pods eps app=ag); q created pod/$A eps kate ds; k luke set env ds/ag -n eps A=1; sleep 7; q created pod/$(newpods eps app=ag "$A") eps luke "ds set env"; q deleted pod/$A eps luke "ds set env"
A=$(pods eps app=ag);k mark delete pod $A -n eps --wait=false; sleep 4; q deleted pod/$A eps mark "ds pod deleted by hand"; q created pod/$(newpods eps app=ag "$A") eps "luke/mark/kate" "ds replacement"
k otto delete ds ag -n eps; q deleted ds/ag eps otto ""; 
# kubectl delete -l and --all (individual)
pod l1 eps ll | k alice create -f -; pod l2 eps ll | k alice create -f -; sleep 2; k pete delete pods -l app=ll -n eps --wait=false; q deleted pod/l1 eps pete "delete -l"
# deletecollection with selector, bystander deleted by other before and made again
pod by eps by | k alice create -f -; pod b2 eps sel | k alice create -f -; sleep 2; k ralf delete pod by -n eps; pod by eps by | k rolf create -f -; sleep 2
kubectl --as walter --as-group team proxy --port=18198 & PP=$!; sleep 1; curl -s -X DELETE "localhost:18198/api/v1/namespaces/eps/pods?labelSelector=app%3Dsel" -o /dev/null -w '%{http_code}\n'; 
sleep 2; curl -s -X DELETE "localhost:18198/api/v1/namespaces/eps/configmaps?dryRun=All" -o /dev/null -w '%{http_code}\n'; kill $PP; 
q deleted pod/by eps ralf "bystander of walter's deletecollection app=sel"; q deleted pod/b2 eps walter "deletecollection app=sel"; q deleted cm/c2 eps NOBODY "walter's deletecollection was dryRun"
# RS adopted from orphan & scaled RS by hand w/o deployment
k alice create deploy fff --image=k8s.gcr.io/pause:3.2 -n eps; sleep 2; k bob delete deploy fff -n eps --cascade=orphan; sleep 1; R=$(kubectl get rs -n eps -l app=fff -o name); A=$(pods eps app=fff); k cleo scale $R -n eps --replicas=3; sleep 2; for p in $(newpods eps app=fff "$A"); do q created pod/$p eps cleo "orphan RS scaled by cleo"; done
k dora delete $R -n eps; sleep 3; q deleted pod/$A eps dora "orphaned RS deleted by dora -> GC"
# create by serviceaccount token in-cluster: PVC, SA deleted, node
k sa:deployer create deploy sad --image=k8s.gcr.io/pause:3.2 -n eps; sleep 2; k sa:deployer scale deploy sad -n eps --replicas=2; sleep 2; for p in $(pods eps app=sad); do q created pod/$p eps "system:serviceaccount:ops:deployer" "SA"; done
# the namespace's deletion
sleep 1; E1=$(pods eps app=ds | head -1); E2=$(pods eps app=sad | head -1); k zora delete ns eps --wait=false; sleep 14; q deleted pod/$E1 eps zora "namespace"; q deleted deploy/ds eps zora "namespace"; q deleted pod/$E2 eps zora namespace; q deleted cm/c2 eps zora "namespace finally";  kubectl get ns
t s6 done
k alice create ns zeta; sleep 1
N=zeta
# a) rs scaled directly under deployment
deploy rsx $N 2 | k alice create -f -; waitp $N app=rsx 2; sleep 1; R=$(kubectl get rs -n $N -l app=rsx -o name); A=$(pods $N app=rsx)
k stella scale $R -n $N --replicas=6; sleep 3; for p in $(kubectl get events -n $N -o go-template='{{range .items}}{{if eq .reason "SuccessfulCreate"}}{{.message}}{{"\n"}}{{end}}{{end}}' | grep -o 'rsx-[a-z0-9]*-[a-z0-9]*' | sort -u | grep -vxF "$A"); do q created pod/$p $N stella "RS scaled directly 2->6"; done
# c) concurrent change & scale
deploy con $N 2 | k alice create -f -; waitp $N app=con 2; sleep 3; A=$(pods $N app=con); (k p1 scale deploy con -n $N --replicas=4 &); k p2 set env deploy con -n $N A=3; sleep 7; for p in $(newpods $N app=con "$A"); do q created pod/$p $N "p2/p1" "p1 scales 2->4, p2 set env at once"; done; for p in $A; do q deleted pod/$p $N "p2" "old pods replaced by p2's rollout"; done
# f) stuck rollout
deploy stuck $N 3 | k alice create -f -; waitp $N app=stuck 3; sleep 4; A=$(pods $N app=stuck); k carol set image deploy stuck -n $N c=k8s.gcr.io/nosuch:1; sleep 3; B=$(newpods $N app=stuck "$A"); for p in $B; do q created pod/$p $N carol "bad image"; done
k bob scale deploy stuck -n $N --replicas=6; sleep 4; AB=$(printf '%s\n%s\n' "$A" "$B"); for p in $(newpods $N app=stuck "$AB"); do q created pod/$p $N bob "scaled in the middle of a stuck rollout (proportional)"; done
C=$(pods $N app=stuck); k dave rollout undo deploy stuck -n $N; sleep 6; for p in $(lost "$C" $N app=stuck); do q deleted pod/$p $N dave "rollout undone by dave"; done; for p in $(newpods $N app=stuck "$C"); do q created pod/$p $N dave "undo scales old RS up to 6"; done
# h) job deadline
cat <<Y | k mike create -f -
apiVersion: batch/v1
kind: Job
metadata: {name: dl, namespace: $N}
spec: {activeDeadlineSeconds: 4, template: {spec: {restartPolicy: Never, terminationGracePeriodSeconds: 1, containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}}
Y
sleep 2; JP=$(pods $N job-name=dl); q created pod/$JP $N mike "job"; q deleted pod/$JP $N mike "activeDeadlineSeconds reached: job controller"
# s) Recreate strategy
deploy rec $N 2 | sed 's/^  replicas: 2/  replicas: 2\n  strategy: {type: Recreate}/' | k alice create -f -; sleep 4; A=$(pods $N app=rec); k luke set env deploy rec -n $N A=1; sleep 12; for p in $A; do q deleted pod/$p $N luke "Recreate"; done; for p in $(newpods $N app=rec "$A"); do q created pod/$p $N luke "Recreate: new ones after the old are gone"; done
# x) no-op patch
k alice create cm noop -n $N --from-literal=a=1; k bob patch cm noop -n $N -p '{"data":{"a":"2"}}'; sleep .5; k carol patch cm noop -n $N -p '{"data":{"a":"2"}}'; q changed cm/noop $N bob "carol's later patch changes nothing (same resourceVersion)"
# q) SA deletion
k alice create sa robo -n $N; sleep 1; S=$(kubectl get sa robo -n $N -o jsonpath='{.secrets[0].name}'); q created secret/$S $N alice "token of SA robo"; k bob delete sa robo -n $N; sleep 2; q deleted secret/$S $N bob "token removed since bob deleted the SA"
# w) delete with precondition failing, evict dry run
pod pre $N | k alice create -f -; sleep 2; kubectl --as walter --as-group team proxy --port=18197 & PP=$!; sleep 1
curl -s -X DELETE localhost:18197/api/v1/namespaces/$N/pods/pre -H 'Content-Type: application/json' -d '{"preconditions":{"uid":"00000000-0000-0000-0000-000000000000"}}' -o /dev/null -w '%{http_code}\n'
curl -s -X POST "localhost:18197/api/v1/namespaces/$N/pods/pre/eviction?dryRun=All" -H 'Content-Type: application/json' -d '{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"pre","namespace":"'$N'"}}' -o /dev/null -w '%{http_code}\n'
curl -s -X POST "localhost:18197/api/v1/namespaces/$N/pods/pre/eviction" -H 'Content-Type: application/json' -d '{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"pre","namespace":"'$N'"},"deleteOptions":{"dryRun":["All"]}}' -o /dev/null -w '%{http_code}\n'
kill $PP; sleep 1; kubectl get pod pre -n $N; k zed delete pod pre -n $N --wait=false; q deleted pod/pre $N zed "walter: 409 precondition and dry-run evictions only"
# k) taint
pod tn $N tn | k alice create -f -; deploy tnd $N 1 | k alice create -f -; sleep 3; A=$(pods $N app=tnd); k nick taint node cp1 bad=yes:NoExecute; sleep 4; k nora taint node cp1 bad-; q deleted pod/tn $N nick "NoExecute taint"; q deleted pod/$A $N nick "NoExecute taint, deployment's pod"; sleep 2; for p in $(newpods $N app=tnd "$A"); do q created pod/$p $N "nick/alice" "replacement after taint"; done
# l) preemption
cat <<Y | k admin create -f -
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 100000
Y
CPU=$(kubectl get node cp1 -o jsonpath='{.status.allocatable.cpu}'); 
pod low $N low | sed "s/image: k8s.gcr.io\/pause:3.2/image: k8s.gcr.io\/pause:3.2, resources: {requests: {cpu: $((CPU*600))m}}/" | k alice create -f -; sleep 3
pod hi $N hi | sed "s/image: k8s.gcr.io\/pause:3.2/image: k8s.gcr.io\/pause:3.2, resources: {requests: {cpu: $((CPU*600))m}}/; s/^spec:/spec:\n  priorityClassName: high/" | k bob create -f -; sleep 5; kubectl get pods -n $N | grep -E 'low|hi'; q deleted pod/low $N bob "preempted for bob's pod hi"
# j) DS and fake node
cat <<Y | k kate create -f -
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agn, namespace: $N}
spec:
  selector: {matchLabels: {app: agn}}
  template: {metadata: {labels: {app: agn}}, spec: {tolerations: [{operator: Exists}], terminationGracePeriodSeconds: 1, containers: [{name: c, image: "k8s.gcr.io/pause:3.2"}]}}
Y
sleep 3; A=$(pods $N app=agn)
echo '{"apiVersion":"v1","kind":"Node","metadata":{"name":"n2"}}' | k uma create -f -; sleep 4; for p in $(newpods $N app=agn "$A"); do q created pod/$p $N "kate/uma" "ds pod for node n2 that uma made"; D2=$p; done; k wes delete node n2; 
# other pods: exec through service account, port-forward by svc, cp
k ursula port-forward -n $N svc/nothing 18081:80
# deletecollection without selector via kubectl raw by walter of configmaps
k alice create cm d1 -n $N; k bob delete cm d1 -n $N; k carol create cm d1 -n $N; sleep .5; kubectl --as walter --as-group team delete --raw "/api/v1/namespaces/$N/configmaps"; q deleted cm/d1 $N walter "deletecollection; first bob deleted, carol made it again"; q deleted cm/noop $N walter "deletecollection"
sleep 10; kubectl get pods -A | grep -E 'n2|Termin'; q deleted pod/$D2 $N "wes/kate" "pod of deleted node"
t s7 done
