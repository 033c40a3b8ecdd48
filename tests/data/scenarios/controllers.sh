# runs inside the node
T=/tmp/truth.jsonl; : > $T
K() { local u=$1; shift; if [ "$u" = kubernetes-admin ]; then kubectl "$@"; else kubectl --as "$u" "$@"; fi; }
# t verb kind/name ns root [mention...]
t() { local v=$1 o=$2 n=$3 r=$4; shift 4; printf '{"verb":"%s","object":"%s","ns":"%s","root":"%s","mentions":"%s"}\n' "$v" "$o" "$n" "$r" "$*" >> $T; }
pods() { kubectl -n "$1" get pods -l "$2" -o jsonpath='{range .items[?(@.metadata.deletionTimestamp=="")]}{.metadata.name}{"\n"}{end}' 2>/dev/null || true; }
plist() { kubectl -n "$1" get pods -l "$2" -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}' | sort; }
ready() { kubectl -n "$1" rollout status "$2" --timeout=60s >/dev/null; }
new() { comm -13 <(echo "$1") <(echo "$2") | grep .; }
I=k8s.gcr.io/pause:3.2
for n in shop doomed bulk; do kubectl create ns $n; done
for u in alice bob carol dave erin frank grace heidi ivan judy mallory oscar peggy victor walter trent foobar eve; do kubectl create clusterrolebinding ops-$u --clusterrole=cluster-admin --user=$u; done
kubectl -n shop create sa deployer; kubectl -n shop create rolebinding deployer --clusterrole=admin --serviceaccount=shop:deployer
sleep 2
K foobar -n default run my-suspicious-pod --image=$I; t created pod/my-suspicious-pod default foobar kubernetes-admin
K nobody1 -n default run ghost --image=$I
K mallory -n default run ghost --image=$I --dry-run=server
K alice -n default run ghost --image=$I; t created pod/ghost default alice
K mallory -n default run ghost --image=$I
K alice -n default run phoenix --image=$I; K bob -n default delete pod phoenix --grace-period=1; K mallory -n default run phoenix --image=$I; t created pod/phoenix default mallory
# Deployment
K alice -n shop create deployment web --image=$I --replicas=2; t created deploy/web shop alice; ready shop deploy/web
A=$(plist shop app=web); for p in $A; do t created pod/$p shop alice; done
RS=$(kubectl -n shop get rs -l app=web -o name | head -1); t created rs/${RS#*/} shop alice
sleep 13
K bob -n shop scale deploy/web --replicas=4; sleep 2; ready shop deploy/web
B=$(plist shop app=web); for p in $(new "$A" "$B"); do t created pod/$p shop bob alice; done
t changed deploy/web shop bob
sleep 13
K dave -n shop set env deploy/web X=1; sleep 2; ready shop deploy/web; sleep 3
C=$(plist shop app=web); for p in $(new "$B" "$C"); do t created pod/$p shop dave alice; done
for p in $(new "$C" "$B"); do t deleted pod/$p shop dave; done
sleep 13
K eve -n shop annotate deploy/web note=hello; sleep 13
V=$(echo "$C" | head -1); K frank -n shop delete pod $V --grace-period=1; t deleted pod/$V shop frank; sleep 3
D=$(plist shop app=web); for p in $(new "$C" "$D"); do t created pod/$p shop dave alice frank; done
sleep 5
V=$(echo "$D" | tail -1); printf '{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"%s","namespace":"shop"}}' $V > /tmp/ev.json; K grace create --raw /api/v1/namespaces/shop/pods/$V/eviction -f /tmp/ev.json; t deleted pod/$V shop grace; sleep 13
E0=$(plist shop app=web)
K erin -n shop rollout undo deploy/web; sleep 2; ready shop deploy/web; sleep 3
E=$(plist shop app=web); for p in $(new "$E0" "$E"); do t created pod/$p shop erin alice; done
sleep 13
K bob -n shop scale deploy/web --replicas=1; sleep 3
F=$(plist shop app=web); for p in $(new "$F" "$E"); do t deleted pod/$p shop bob; done
# long names
L=a-very-long-deployment-name-that-passes-fifty-eight-characters
K judy -n shop create deployment $L --image=$I; ready shop deploy/$L; for p in $(plist shop app=$L); do t created pod/$p shop judy; done
# StatefulSet by a service account
TOK=$(kubectl -n shop get secret $(kubectl -n shop get sa deployer -o jsonpath='{.secrets[0].name}') -o jsonpath='{.data.token}' | base64 -d)
cat > /tmp/sts.yaml <<Y
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {serviceName: db, replicas: 1, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: $I}]}}}
Y
kubectl --kubeconfig /dev/null --server https://10.0.0.11:6443 --insecure-skip-tls-verify --token "$TOK" apply -f /tmp/sts.yaml
ready shop sts/db; t created sts/db shop system:serviceaccount:shop:deployer
sleep 13; K bob -n shop scale sts/db --replicas=3; sleep 2; ready shop sts/db; t created pod/db-2 shop bob system:serviceaccount:shop:deployer
sleep 13; K mallory -n shop delete pod db-1; t deleted pod/db-1 shop mallory; sleep 3; t created pod/db-1 shop bob system:serviceaccount:shop:deployer
K dave -n shop set env sts/db Y=1; sleep 12; t created pod/db-0 shop dave system:serviceaccount:shop:deployer; t deleted pod/db-0 shop dave
# DaemonSet
cat > /tmp/ds.yaml <<Y
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec: {selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: $I}]}}}
Y
K dave -n shop apply -f /tmp/ds.yaml; ready shop ds/agent; P=$(plist shop app=agent); t created pod/$P shop dave
sleep 13; K erin -n shop set env ds/agent Z=1; sleep 8; Q=$(plist shop app=agent); t created pod/$Q shop erin dave; t deleted pod/$P shop erin
# Jobs
K carol -n shop create job once --image=$I; t created job/once shop carol
cat > /tmp/cj.yaml <<Y
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: tick, namespace: shop}
spec: {schedule: "* * * * *", jobTemplate: {spec: {template: {metadata: {labels: {app: tick}}, spec: {restartPolicy: Never, containers: [{name: c, image: $I}]}}}}}
Y
K carol -n shop create -f /tmp/cj.yaml; t created cronjobs.batch/tick shop carol
CU=$(kubectl get --raw /apis/batch/v1beta1/namespaces/shop/cronjobs/tick | sed 's/.*"uid":"\([^"]*\)".*/\1/')
cat > /tmp/mj.yaml <<Y
apiVersion: batch/v1
kind: Job
metadata: {name: manual-1, namespace: shop, annotations: {cronjob.kubernetes.io/instantiate: manual}, ownerReferences: [{apiVersion: batch/v1beta1, kind: CronJob, name: tick, uid: "$CU", controller: true}]}
spec: {template: {metadata: {labels: {app: manual}}, spec: {restartPolicy: Never, containers: [{name: c, image: $I}]}}}
Y
K ivan -n shop create -f /tmp/mj.yaml; t created job/manual-1 shop ivan
printf 'apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: batchy-, namespace: shop}\nspec: {template: {metadata: {labels: {app: batchy}}, spec: {restartPolicy: Never, containers: [{name: c, image: %s}]}}}\n' $I > /tmp/gj.yaml; K ivan create -f /tmp/gj.yaml
printf 'apiVersion: v1\nkind: Pod\nmetadata: {generateName: loose-, namespace: shop, labels: {app: loose}}\nspec: {containers: [{name: c, image: %s}]}\n' $I > /tmp/gp.yaml; K ivan create -f /tmp/gp.yaml
printf 'apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: bare, namespace: shop}\nspec: {replicas: 1, selector: {matchLabels: {app: bare}}, template: {metadata: {labels: {app: bare}}, spec: {containers: [{name: c, image: %s}]}}}\n' $I > /tmp/rs.yaml; K judy create -f /tmp/rs.yaml
printf 'apiVersion: v1\nkind: ReplicationController\nmetadata: {name: old, namespace: shop}\nspec: {replicas: 1, selector: {app: old}, template: {metadata: {labels: {app: old}}, spec: {containers: [{name: c, image: %s}]}}}\n' $I > /tmp/rc.yaml; K oscar create -f /tmp/rc.yaml
sleep 5
for p in $(plist shop job-name=once); do t created pod/$p shop carol; done
for p in $(plist shop app=manual); do t created pod/$p shop ivan; done
for p in $(plist shop app=batchy); do t created pod/$p shop ivan; done
for p in $(plist shop app=loose); do t created pod/$p shop ivan; done
for p in $(plist shop app=bare); do t created pod/$p shop judy; done
for p in $(plist shop app=old); do t created pod/$p shop oscar; done
J=$(kubectl -n shop get jobs -o name | grep batchy); t created job/${J#*/} shop ivan
sleep 62
for p in $(plist shop app=tick); do t created pod/$p shop carol; done
for j in $(kubectl -n shop get jobs -o name | grep tick); do t created job/${j#*/} shop carol; done
# reads
K alice -n shop create secret generic db-pass --from-literal=p=1; t created secret/db-pass shop alice; K mallory -n shop get secret db-pass; t read secret/db-pass shop mallory
K alice -n shop create secret generic other --from-literal=p=2; K eve -n shop get secrets; t read secret/other shop eve
K bob -n shop create cm conf --from-literal=a=b; K mallory -n shop patch cm conf -p '{"data":{"a":"c"}}'; K alice -n shop patch cm conf -p '{"data":{"a":"d"}}' --dry-run=server; t created cm/conf shop bob; t changed cm/conf shop mallory
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa, namespace: shop}\ndata: {a: b}\n' > /tmp/ssa.yaml; K victor apply --server-side -f /tmp/ssa.yaml; t created cm/ssa shop victor
# exec family
timeout 5 kubectl --as mallory -n default exec ghost -- /nothing; t exec pod/ghost default mallory
timeout 5 kubectl --as eve -n default attach my-suspicious-pod; t exec pod/my-suspicious-pod default eve
timeout 3 kubectl --as trent -n default port-forward phoenix 18080:80; K nobody1 -n default exec ghost -- /x
timeout 5 kubectl --as peggy get --raw /api/v1/namespaces/default/pods/phoenix/proxy/
# CRD
cat > /tmp/crd.yaml <<Y
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, scope: Namespaced, names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}
Y
K walter create -f /tmp/crd.yaml; sleep 4; t created crd/widgets.example.com "" walter
printf 'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w1, namespace: shop}\nspec: {a: 1}\n' > /tmp/w.yaml; K walter create -f /tmp/w.yaml; t created widgets.example.com/w1 shop walter
K trent -n shop patch widgets w1 --type=merge -p '{"spec":{"a":2}}'; t changed widgets.example.com/w1 shop trent
# deletes
K judy -n bulk create deployment crew --image=$I --replicas=2; K judy -n bulk run solo1 --image=$I -l app=solo; K judy -n bulk run solo2 --image=$I -l app=solo; K judy -n bulk run keep --image=$I -l app=keep; ready bulk deploy/crew; G=$(plist bulk app=crew)
K heidi delete --raw '/api/v1/namespaces/bulk/pods?labelSelector=app%3Dsolo'; t deleted pod/solo1 bulk heidi; t deleted pod/solo2 bulk heidi; sleep 3
K grace -n bulk delete pod keep --dry-run=server; sleep 1; K oscar -n bulk delete pod keep --grace-period=2; t deleted pod/keep bulk oscar
K mallory -n bulk delete deploy crew; sleep 3; for p in $G; do t deleted pod/$p bulk mallory; done; t deleted deploy/crew bulk mallory
K judy -n bulk create deployment fore --image=$I; ready bulk deploy/fore; G=$(plist bulk app=fore); K oscar -n bulk delete deploy fore --cascade=foreground; for p in $G; do t deleted pod/$p bulk oscar; done
K judy -n bulk create deployment orph --image=$I; ready bulk deploy/orph; G=$(plist bulk app=orph); K peggy -n bulk delete deploy orph --cascade=orphan; sleep 2; K frank -n bulk delete rs -l app=orph; sleep 2; for p in $G; do t deleted pod/$p bulk frank; done
K judy -n doomed create deployment dd --image=$I; K judy -n doomed run single --image=$I; K judy -n doomed create cm doc --from-literal=a=b; ready doomed deploy/dd; G=$(plist doomed app=dd)
K alice delete ns doomed --wait=true --timeout=60s; t deleted ns/doomed "" alice; t deleted pod/single doomed alice; t deleted cm/doc doomed alice; for p in $G; do t deleted pod/$p doomed alice; done; t deleted deploy/dd doomed alice
# static pod
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: static-web, namespace: default}\nspec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: %s}]}\n' $I > /etc/kubernetes/.sw.yaml; mv /etc/kubernetes/.sw.yaml /etc/kubernetes/manifests/static-web.yaml; sleep 6; t created pod/static-web-wcp1 default system:node:wcp1; rm /etc/kubernetes/manifests/static-web.yaml; sleep 12; t deleted pod/static-web-wcp1 default system:node:wcp1
# taint
K trent taint node wcp1 k=v:NoExecute; sleep 8; t deleted pod/ghost default trent; K trent taint node wcp1 k-
# deployment deleted last
kubectl get all -A > /tmp/final.txt
sleep 2; echo DONE
