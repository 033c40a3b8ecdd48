# Runs inside a lab node, as root: what people, automations and controllers do to each other, quickly one after another.
# The server and the controller manager need --feature-gates=TTLAfterFinished=true, the server EphemeralContainers=true.
T=/tmp/truth3.jsonl; : > $T
I=k8s.gcr.io/pause:3.2
K() { local u=$1; shift; kubectl --as "$u" "$@"; }
# t VERB KIND/NAME NS ROOT [MENTION...]; UNTIL: the moment after which the truth is another; UNLESS: blind levels
t() {
  local v=$1 o=$2 n=$3 r=$4 m; shift 4
  m=$(printf ', "%s"' "$@")
  [ $# -gt 0 ] || m=
  printf '{"verb": "%s", "object": "%s", "ns": "%s", "root": "%s", "mentions": [%s]%s%s}\n' "$v" "$o" "$n" "$r" \
    "${m#, }" "${UNTIL:+, \"until\": \"$UNTIL\"}" "${UNLESS:+, \"unless\": [\"$UNLESS\"]}" >> $T
}
now() { date -u +%FT%TZ; }
plist() { kubectl -n "$1" get pods -l "$2" -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}' | sort; }
rs() { kubectl -n "$1" get rs -l "$2" -o name | head -1 | cut -d/ -f2; }
new() { comm -13 <(echo "$1") <(echo "$2") | grep .; }
ready() { kubectl -n "$1" rollout status "$2" --timeout=60s >/dev/null; }
token() { kubectl -n "$1" get secret "$(kubectl -n "$1" get sa "$2" -o jsonpath='{.secrets[0].name}')" -o jsonpath='{.data.token}' | base64 -d; }
as_sa() { local k=$1; shift; kubectl --kubeconfig /dev/null --server "$SERVER" --insecure-skip-tls-verify --token "$k" "$@"; }
# dep NAME NS REPLICAS [VALUE]: a Deployment, whose template is the same for the same name and value
dep() {
  cat <<Y
apiVersion: apps/v1
kind: Deployment
metadata: {name: $1, namespace: $2}
spec: {replicas: $3, selector: {matchLabels: {app: ${5:-$1}}}, template: {metadata: {labels: {app: ${5:-$1}}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: $I, env: [{name: V, value: "${4:-1}"}]}]}}}
Y
}
pod() { # NAME NS [LINE OF SPEC] [LABEL] [generateName]
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {%s: %s, namespace: %s, labels: {app: %s}}\nspec: {terminationGracePeriodSeconds: 1, %s containers: [{name: c, image: %s}]}\n' \
    "${5:-name}" "$1" "$2" "${4:-none}" "${3:-}" $I
}
RUN="containers: [{name: c, image: $I}]"
# what finishes at once: the node's own `true`, by the node's own loader, as the image holds nothing else
DONE="volumes: [{name: h, hostPath: {path: /}}], containers: [{name: c, image: $I, volumeMounts: [{name: h, mountPath: /h}], command: [/h$(readlink -f /lib64/ld-linux-x86-64.so.2), --library-path, /h/usr/lib/x86_64-linux-gnu, /h/usr/bin/true]}]"
SERVER=$(kubectl config view -o jsonpath='{.clusters[0].cluster.server}')
for n in web infra gone late; do kubectl create ns $n; done
for u in alice bob carol dave erin frank grace heidi ivan judy mallory oscar peggy victor walter trent; do
  kubectl create clusterrolebinding ops-$u --clusterrole=cluster-admin --user=$u >/dev/null
done
for s in ci cd widget-operator; do
  K walter -n infra create sa $s; kubectl create clusterrolebinding sa-$s --clusterrole=cluster-admin --serviceaccount=infra:$s >/dev/null
done
cat > /tmp/crd.yaml <<Y
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, scope: Namespaced, names: {plural: widgets, singular: widget, kind: Widget}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}
Y
K walter create -f /tmp/crd.yaml
# CronJobs first: they need minutes
cron() { # NAME POLICY LIMIT COMMAND
  cat <<Y
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: $1, namespace: web}
spec: {schedule: "* * * * *", concurrencyPolicy: $2, successfulJobsHistoryLimit: $3, jobTemplate: {spec: {template: {metadata: {labels: {app: $1}}, spec: {terminationGracePeriodSeconds: 1, restartPolicy: Never, ${4:-$RUN}}}}}}
Y
}
LONGCRON=a-cronjob-name-that-is-as-long-as-they-may-be-000052
cron swift Allow 0 "$DONE" | K carol create -f -
cron swap Replace 3 | K judy create -f -
cron $LONGCRON Forbid 3 | K oscar create -f -
# a node that is none, and a Pod on it
printf 'apiVersion: v1\nkind: Node\nmetadata: {name: ghostnode}\n' | K trent create -f -
pod lost web 'nodeName: ghostnode,' | K alice create -f -
# autoscalers: two in one namespace, made and changed by different people
hpa() { printf 'apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: %s, namespace: web}\nspec: {minReplicas: %s, maxReplicas: %s, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}}\n' "$1" "$2" "$3" "$4"; }
dep hp web 1 | K alice create -f -; dep hq web 1 | K bob create -f -; ready web deploy/hp; ready web deploy/hq
H1=$(plist web app=hp); H2=$(plist web app=hq)
hpa hp-scaler 3 5 hp | K carol create -f -; hpa hq-scaler 2 4 hq | K judy create -f -
K victor delete node ghostnode
# two people in the same second
dep b1 web 1 | K alice create -f -; dep b2 web 1 | K dave create -f -; ready web deploy/b1; ready web deploy/b2
B1=$(plist web app=b1); B2=$(plist web app=b2); for p in $B1; do t created pod/$p web alice; done; for p in $B2; do t created pod/$p web dave; done
K bob -n web scale deploy/b1 --replicas=3 & K carol -n web scale deploy/b2 --replicas=3 & wait
sleep 2; ready web deploy/b1; ready web deploy/b2
C1=$(plist web app=b1); C2=$(plist web app=b2)
for p in $(new "$B1" "$C1"); do t created pod/$p web bob alice; done; for p in $(new "$B2" "$C2"); do t created pod/$p web carol dave; done
dep c1 web 2 | K heidi create -f - & dep c2 web 2 | K ivan create -f - & wait; sleep 3
for p in $(plist web app=c1); do t created pod/$p web heidi; done; for p in $(plist web app=c2); do t created pod/$p web ivan; done
K erin -n web scale deploy/c1 --replicas=0 & K frank -n web scale deploy/c2 --replicas=1 & D1=$(plist web app=c1); wait
sleep 2; for p in $D1; do t deleted pod/$p web erin; done
K grace -n web scale deploy/c1 --replicas=2; sleep 3; for p in $(plist web app=c1); do t created pod/$p web grace heidi; done
# generateName by hand, beginning like a ReplicaSet's Pods
G=$(pod "$(rs web app=b1)-" web '' none generateName | K ivan create -f - -o name); t created pod/${G#*/} web ivan; sleep 1
# a name like a ReplicaSet's Pod, and one made in the name of the controller
pod "$(rs web app=b1)-zzzzz" web | K mallory create -f -; t created pod/$(rs web app=b1)-zzzzz web mallory
pod "$(rs web app=b1)-xxxxx" web | K system:serviceaccount:kube-system:replicaset-controller create -f -; t created pod/$(rs web app=b1)-xxxxx web system:serviceaccount:kube-system:replicaset-controller kubernetes-admin
kubectl --as alice --as-group devs --as-group system:masters --as-uid 4711 -n web run uidpod --image=$I; t created pod/uidpod web alice kubernetes-admin
# deleted and made again by somebody else, with the same hash
dep again web 1 | K alice create -f -; ready web deploy/again; A=$(plist web app=again); R=$(rs web app=again); for p in $A; do t created pod/$p web alice; done
K bob -n web delete deploy again; sleep 2; for p in $A; do t deleted pod/$p web bob; done; UNTIL=$(now); t created rs/$R web alice; t created deploy/again web alice; t deleted rs/$R web bob; UNTIL=
dep again web 1 | K mallory create -f -; ready web deploy/again; A=$(plist web app=again); for p in $A; do t created pod/$p web mallory; done; UNTIL=$(now); t created rs/$R web mallory; t created deploy/again web mallory alice; UNTIL=; sleep 1
dep again web 2 | K erin replace --force -f -; sleep 3; for p in $A; do t deleted pod/$p web erin; done; for p in $(plist web app=again); do t created pod/$p web erin; done; t created deploy/again web erin
# paused, changed, resumed
dep calm web 1 | K alice create -f -; ready web deploy/calm; A=$(plist web app=calm)
K bob -n web rollout pause deploy/calm; K dave -n web set env deploy/calm V=2; sleep 2; K erin -n web rollout resume deploy/calm; sleep 1; ready web deploy/calm; sleep 2
for p in $(plist web app=calm); do t created pod/$p web erin dave alice; done; for p in $A; do t deleted pod/$p web erin; done
K frank -n web rollout restart deploy/calm; sleep 4; for p in $(plist web app=calm); do t created pod/$p web frank alice; done
t changed deploy/calm web frank
# automations: server-side apply
CI=$(token infra ci) CD=$(token infra cd) OP=$(token infra widget-operator)
dep api web 1 | as_sa "$CI" apply --server-side -f -; ready web deploy/api; A=$(plist web app=api); for p in $A; do t created pod/$p web system:serviceaccount:infra:ci; done; t created deploy/api web system:serviceaccount:infra:ci
dep api web 2 2 | as_sa "$CD" apply --server-side --force-conflicts -f -; sleep 4; for p in $(plist web app=api); do t created pod/$p web system:serviceaccount:infra:cd system:serviceaccount:infra:ci; done; for p in $A; do t deleted pod/$p web system:serviceaccount:infra:cd; done
t changed deploy/api web system:serviceaccount:infra:cd
S=$(kubectl -n infra get sa ci -o jsonpath='{.secrets[0].name}'); t created secret/$S infra walter; K mallory -n infra get secret $S -o name; t read secret/$S infra mallory
# an operator's Pod, owned by a custom resource
printf 'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w1, namespace: web}\nspec: {a: 1}\n' | K trent create -f -; t created widgets.example.com/w1 web trent
WU=$(kubectl get --raw /apis/example.com/v1/namespaces/web/widgets/w1 | sed 's/.*"uid":"\([^"]*\)".*/\1/')
pod w1-worker web | sed "s/labels: {app: none}/ownerReferences: [{apiVersion: example.com\/v1, kind: Widget, name: w1, uid: $WU, controller: true}]/" | as_sa "$OP" create -f -; t created pod/w1-worker web system:serviceaccount:infra:widget-operator
# orphans that others adopt
dep orph web 1 | K judy create -f -; ready web deploy/orph; A=$(plist web app=orph); R=$(rs web app=orph)
K peggy -n web delete deploy orph --cascade=orphan; sleep 2; dep adopt web 1 1 orph | K oscar create -f -; sleep 2
for p in $A; do t created pod/$p web judy; done; t created rs/$R web judy
K victor -n web scale deploy/adopt --replicas=2; sleep 3; B=$(plist web app=orph); for p in $(new "$A" "$B"); do t created pod/$p web victor oscar; done
K heidi -n web delete deploy adopt; sleep 2; for p in $B; do t deleted pod/$p web heidi; done
set_of() { printf 'apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: %s, namespace: web}\nspec: {replicas: 1, selector: {matchLabels: {app: %s}}, template: {metadata: {labels: {app: %s}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: %s}]}}}\n' "$1" "$2" "$2" $I; }
set_of bare bare | K judy create -f -; sleep 2; A=$(plist web app=bare); K peggy -n web delete rs bare --cascade=orphan; sleep 1; set_of bare-two bare | K frank create -f -; sleep 2; K trent -n web delete rs bare-two; sleep 2
for p in $A; do t created pod/$p web judy; t deleted pod/$p web trent; done
pod handmade web '' hand | K alice create -f -; set_of hands hand | K carol create -f -; sleep 2; K dave -n web scale rs/hands --replicas=0; sleep 2; t created pod/handmade web alice; UNLESS=Metadata; t deleted pod/handmade web dave; UNLESS=
# evictions that a budget refuses, then allows
dep guard web 2 | K alice create -f -; ready web deploy/guard; A=$(plist web app=guard); V=$(echo "$A" | head -1); W=$(echo "$A" | tail -1)
printf 'apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: guard, namespace: web}\nspec: {minAvailable: 2, selector: {matchLabels: {app: guard}}}\n' | K bob create -f -; sleep 2
evict() { printf '{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"%s","namespace":"web"}}' $2 > /tmp/ev.json; K $1 create --raw /api/v1/namespaces/web/pods/$2/eviction -f /tmp/ev.json; }
evict mallory $V; evict mallory $W; K bob -n web delete pdb guard; sleep 1; evict grace $V; sleep 3; t deleted pod/$V web grace mallory
for p in $(new "$A" "$(plist web app=guard)"); do t created pod/$p web alice grace; done
# Jobs
printf 'apiVersion: batch/v1\nkind: Job\nmetadata: {name: brief, namespace: web}\nspec: {ttlSecondsAfterFinished: 4, template: {metadata: {labels: {app: brief}}, spec: {restartPolicy: Never, %s}}}\n' "$DONE" | K carol create -f -
sleep 2; BRIEF=$(kubectl -n web get pods -l app=brief -o name | cut -d/ -f2); t created pod/$BRIEF web carol; t created job/brief web carol
printf 'apiVersion: batch/v1\nkind: Job\nmetadata: {name: wide, namespace: web}\nspec: {parallelism: 1, completions: 6, template: {metadata: {labels: {app: wide}}, spec: {terminationGracePeriodSeconds: 1, restartPolicy: Never, containers: [{name: c, image: %s}]}}}\n' $I | K carol create -f -
sleep 3; A=$(plist web app=wide); for p in $A; do t created pod/$p web carol; done
K bob -n web patch job wide -p '{"spec":{"parallelism":3}}'; sleep 3; B=$(plist web app=wide); for p in $(new "$A" "$B"); do t created pod/$p web bob carol; done
K dave -n web patch job wide -p '{"spec":{"parallelism":0}}'; sleep 3; for p in $B; do t deleted pod/$p web dave; done
printf 'apiVersion: batch/v1\nkind: Job\nmetadata: {name: swap-1795000000, namespace: web, annotations: {cronjob.kubernetes.io/instantiate: manual}, ownerReferences: [{apiVersion: batch/v1beta1, kind: CronJob, name: swap, uid: "%s", controller: true}]}\nspec: {template: {spec: {restartPolicy: Never, %s}}}\n' "$(kubectl get --raw /apis/batch/v1beta1/namespaces/web/cronjobs/swap | sed 's/.*"uid":"\([^"]*\)".*/\1/')" "$RUN" | K ivan create -f -
sleep 3; t created job/swap-1795000000 web ivan; for p in $(plist web job-name=swap-1795000000); do t created pod/$p web ivan; done
# StatefulSet with volumes
mkdir -p /tmp/vol; for i in 0 1; do printf 'apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: vol-%s}\nspec: {capacity: {storage: 1Mi}, accessModes: [ReadWriteOnce], hostPath: {path: /tmp/vol}}\n' $i | kubectl create -f -; done
cat <<Y | as_sa "$CI" apply -f -
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: my-db, namespace: web}
spec: {serviceName: my-db, replicas: 1, selector: {matchLabels: {app: my-db}}, template: {metadata: {labels: {app: my-db}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: $I, volumeMounts: [{name: my-data, mountPath: /d}]}]}}, volumeClaimTemplates: [{metadata: {name: my-data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}]}
Y
sleep 2; ready web sts/my-db; UNTIL=$(now); t created pod/my-db-0 web system:serviceaccount:infra:ci; UNTIL=; t created pvc/my-data-my-db-0 web system:serviceaccount:infra:ci
K bob -n web scale sts/my-db --replicas=2; sleep 2; ready web sts/my-db; UNTIL=$(now); t created pod/my-db-1 web bob system:serviceaccount:infra:ci; UNTIL=; t created pvc/my-data-my-db-1 web bob system:serviceaccount:infra:ci
K frank -n web rollout restart sts/my-db; sleep 2; ready web sts/my-db; sleep 1; UNTIL=$(now); t created pod/my-db-0 web frank system:serviceaccount:infra:ci; t deleted pod/my-db-0 web frank; UNTIL=
K dave -n web scale sts/my-db --replicas=0; while [ -n "$(kubectl -n web get pods -l app=my-db -o name)" ]; do sleep 1; done; UNTIL=$(now); t deleted pod/my-db-1 web dave; t deleted pod/my-db-0 web dave; UNTIL=; K mallory -n web delete pvc my-data-my-db-1; t deleted pvc/my-data-my-db-1 web mallory
sleep 1; K erin -n web scale sts/my-db --replicas=1; sleep 2; ready web sts/my-db; t created pod/my-db-0 web erin system:serviceaccount:infra:ci
# DaemonSet
cat <<Y | K dave create -f -
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: infra}
spec: {selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: $I}]}}}
Y
sleep 3; P=$(plist infra app=agent); t created pod/$P infra dave; K erin -n infra rollout restart ds/agent; sleep 2; ready infra ds/agent; sleep 1; Q=$(plist infra app=agent); t created pod/$Q infra erin dave; t deleted pod/$P infra erin
K oscar -n infra delete pod $Q; while [ -z "$(plist infra app=agent)" ]; do sleep 1; done; t deleted pod/$Q infra oscar; P=$(plist infra app=agent); t created pod/$P infra erin oscar; K peggy -n infra delete ds agent; sleep 3; t deleted pod/$P infra peggy; t deleted ds/agent infra peggy
# Services and what controllers make for them
K judy -n web create service clusterip front --tcp=80:80; sleep 2; t created endpoints/front web judy
ES=$(kubectl -n web get endpointslices -l kubernetes.io/service-name=front -o name | cut -d/ -f2); t created endpointslices.discovery.k8s.io/$ES web judy
K bob -n web delete svc front; sleep 2; t deleted endpoints/front web bob; t deleted endpointslices.discovery.k8s.io/$ES web bob
# long names
L=a-deployment-with-a-very-long-name-that-passes-the-fifty-eight; dep $L web 1 | K judy create -f -; sleep 3; for p in $(plist web app=$L); do t created pod/$p web judy; done
# reads
K alice -n web create secret generic s-get --from-literal=p=1; K alice -n web create secret generic s-list --from-literal=p=1; K alice -n infra create secret generic s-watch --from-literal=p=1
K eve -n web get secret s-get; K mallory -n web get secret s-get -o name; t read secret/s-get web mallory
K peggy -n web get secrets -o name >/dev/null; t read secret/s-list web walter peggy
timeout 3 kubectl --as victor -n infra get secret s-watch -w; t read secret/s-watch infra victor
timeout 3 kubectl --as walter get secrets -A -w >/dev/null
K trent -n web logs handmade; K trent -n web logs w1-worker; t read pod/w1-worker web trent
# inside: SPDY, websocket, cp, ephemeral container, proxy
sleep 1; timeout 5 kubectl --as mallory -n web exec uidpod -- /nothing; t exec pod/uidpod web mallory
N=$(plist web app=hq | head -1); UNTIL=
timeout 4 curl -sk --http1.1 --cert <(kubectl config view --raw -o jsonpath='{.users[0].user.client-certificate-data}' | base64 -d) --key <(kubectl config view --raw -o jsonpath='{.users[0].user.client-key-data}' | base64 -d) -H 'Impersonate-User: eve' -H 'Impersonate-Group: system:masters' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H 'Sec-WebSocket-Protocol: v4.channel.k8s.io' "$SERVER/api/v1/namespaces/web/pods/$N/exec?command=/nothing&stdout=1" >/dev/null; t exec pod/$N web eve
timeout 5 kubectl --as trent -n web cp w1-worker:/x /tmp/x; t exec pod/w1-worker web trent
kubectl get --raw /api/v1/namespaces/web/pods/uidpod/ephemeralcontainers | sed 's/"ephemeralContainers":[^]]*\(null\|\]\)/"ephemeralContainers":[{"name":"dbg","image":"k8s.gcr.io\/pause:3.2"}]/' > /tmp/eph.json; cat /tmp/eph.json; K heidi replace --raw /api/v1/namespaces/web/pods/uidpod/ephemeralcontainers -f /tmp/eph.json; t changed pod/uidpod web heidi
# finalizers, failed tries, dry runs, nobody
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, namespace: web, finalizers: [example.com/hold]}\n' | K alice create -f -
K bob -n web delete cm held --wait=false; K carol -n web delete cm held --wait=false; sleep 1; K dave -n web patch cm held --type=merge -p '{"metadata":{"finalizers":null}}'; t deleted cm/held web bob
pod tried web | K eve create -f -; pod tried web | K mallory create -f - --dry-run=server; printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"tried"},"spec":{"containers":[]}}' > /tmp/bad.json; K trent create --raw /api/v1/namespaces/web/pods -f /tmp/bad.json; pod tried web | as_sa nonsense create --validate=false -f -; pod tried web | K alice create -f -; pod tried web | K mallory create -f -; t created pod/tried web alice mallory
K eve -n web delete pod tried; K mallory -n web delete pod tried --dry-run=server; sleep 1; K oscar -n web delete pod tried --grace-period=1; UNLESS=Metadata; t deleted pod/tried web oscar; UNLESS=
for i in 1 2; do pod sel-$i web '' sel | K alice create -f -; done; pod other-1 web '' other | K alice create -f -; sleep 2
K heidi delete --raw '/api/v1/namespaces/web/pods?labelSelector=app%3Dsel'; sleep 3; K frank -n web delete pod other-1; for i in 1 2; do t deleted pod/sel-$i web heidi; done; t deleted pod/other-1 web frank
# cascades
dep fore web 1 | K judy create -f -; ready web deploy/fore; A=$(plist web app=fore); K oscar -n web delete deploy fore --cascade=foreground; for p in $A; do t deleted pod/$p web oscar; done
K victor -n web delete widget w1; sleep 3; t deleted pod/w1-worker web victor
# a namespace that goes while everything runs
dep dd gone 2 | K judy create -f -; pod single gone | K judy create -f -; S=$(kubectl -n gone get secret -o name | head -1 | cut -d/ -f2); K judy -n gone create job slow --image=$I; set_of rr rr | sed 's/namespace: web/namespace: gone/' | K judy create -f -; sleep 3
A="$(plist gone app=dd) $(plist gone job-name=slow) $(plist gone app=rr) single"; K bob delete ns gone --wait=true --timeout=60s; for p in $A; do t deleted pod/$p gone bob; done; t deleted deploy/dd gone bob; t deleted ns/gone "" bob; t deleted secret/$S gone bob
# a ReplicaSet deleted, and scaled, under its Deployment
dep under web 1 | K alice create -f -; ready web deploy/under; A=$(plist web app=under); R=$(rs web app=under); K bob -n web delete rs $R; sleep 4
B=$(plist web app=under); for p in $A; do t deleted pod/$p web bob; done; for p in $B; do t created pod/$p web alice bob; done
K dave -n web scale rs $R --replicas=3; sleep 4; t changed rs/$R web dave
K judy -n web label deploy under a=b; sleep 1; V=$(plist web app=under | head -1); K frank -n web delete pod $V; sleep 3; t deleted pod/$V web frank; for p in $(new "$B" "$(plist web app=under)"); do t created pod/$p web alice frank; done
dep late2 web 1 | K alice create -f -; sleep 2; K trent -n web delete pod -l app=late2 --wait=false; K bob -n web scale deploy late2 --replicas=2; K dave -n web delete deploy late2; sleep 1; t deleted deploy/late2 web dave
# a token for a service account
K mallory create --raw /api/v1/namespaces/infra/serviceaccounts/ci/token -f <(printf '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","metadata":{},"spec":{}}') >/dev/null; t read sa/ci infra mallory
# what took longer
sleep 1; J1=$(plist web app=hp); J2=$(plist web app=hq); for p in $(new "$H1" "$J1"); do t created pod/$p web carol alice; done; for p in $(new "$H2" "$J2"); do t created pod/$p web judy bob; done
K dave -n web patch hpa hp-scaler -p '{"spec":{"minReplicas":1,"maxReplicas":2}}'; sleep 40; for p in $(new "$(plist web app=hp)" "$J1"); do t deleted pod/$p web dave carol; done
t deleted pod/lost web victor; t deleted job/brief web carol; t deleted pod/$BRIEF web carol
for j in $(kubectl -n web get jobs -o name | grep swap- | cut -d/ -f2); do t created job/$j web judy; for p in $(plist web job-name=$j); do t created pod/$p web judy; done; done
for j in $(kubectl -n web get jobs -o name | grep $LONGCRON | cut -d/ -f2); do t created job/$j web oscar; for p in $(plist web job-name=$j); do t created pod/$p web oscar; done; done
K peggy -n web delete cronjob $LONGCRON; K trent -n web delete sts my-db; A=$(plist web app=my-db); sleep 3; t deleted pod/my-db-0 web trent
for p in $(sed -n 's/.*created.*\(pod.a-cronjob[^"]*\).*/\1/p' $T); do t deleted $p web peggy; done
# preemption
printf 'apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: vip}\nvalue: 1000\n' | K walter create -f -
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: low, namespace: late}\nspec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: %s, resources: {requests: {cpu: 900m}}}]}\n' $I | K alice create -f -; sleep 3
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: high, namespace: late}\nspec: {terminationGracePeriodSeconds: 1, priorityClassName: vip, containers: [{name: c, image: %s, resources: {requests: {cpu: 900m}}}]}\n' $I | K heidi create -f -; sleep 8
t created pod/high late heidi; t deleted pod/low late heidi
kubectl get all -A > /tmp/final3.txt
echo DONE
