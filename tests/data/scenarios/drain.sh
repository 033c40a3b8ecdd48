T=/tmp/truth2.jsonl; : > $T
t() { local v=$1 o=$2 n=$3 r=$4; shift 4; printf '{"verb":"%s","object":"%s","ns":"%s","root":"%s","mentions":"%s"}\n' "$v" "$o" "$n" "$r" "$*" >> $T; }
plist() { kubectl -n "$1" get pods -l "$2" -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}' | sort; }
kubectl create ns drain; for u in alice bob carol dave erin frank grace mallory oscar; do kubectl create clusterrolebinding ops-$u --clusterrole=cluster-admin --user=$u; done; sleep 2
kubectl --as alice -n drain create deployment evme --image=k8s.gcr.io/pause:3.2; sleep 4
P=$(plist drain app=evme)
kubectl --as grace drain wcp1 --pod-selector app=evme --ignore-daemonsets --force --timeout=20s
t deleted pod/$P drain grace
kubectl --as grace uncordon wcp1; sleep 4
Q=$(plist drain app=evme); t created pod/$Q drain alice grace
kubectl --as erin -n drain scale rs -l app=evme --replicas=0; sleep 3
kubectl -n drain delete deploy evme; t deleted deploy/evme drain kubernetes-admin
kubectl --as alice -n drain create job twice --image=k8s.gcr.io/pause:3.2; sleep 3; P=$(plist drain job-name=twice); kubectl --as oscar -n drain delete job twice; sleep 2; t deleted pod/$P drain oscar
kubectl --as alice -n drain expose deploy evme --port 80; kubectl --as alice -n drain create service clusterip svc1 --tcp=80:80; t created svc/svc1 drain alice
kubectl --as alice -n drain run kg --image=k8s.gcr.io/pause:3.2; sleep 3; kubectl --as bob -n drain delete pod kg --wait=false; kubectl --as mallory -n drain delete pod kg --force --grace-period=0; t deleted pod/kg drain bob
kubectl --as carol -n drain create deployment cyc --image=k8s.gcr.io/pause:3.2; sleep 4; kubectl --as bob -n drain scale deploy cyc --replicas=0; sleep 3; kubectl --as erin -n drain scale deploy cyc --replicas=2; sleep 4
for p in $(plist drain app=cyc); do t created pod/$p drain erin carol; done
sleep 2; O=$(plist drain app=cyc); kubectl --as frank -n drain rollout restart deploy cyc; sleep 6; for p in $(plist drain app=cyc); do t created pod/$p drain frank carol; done; for p in $O; do t deleted pod/$p drain frank; done
kubectl --as dave -n drain scale rs $(kubectl -n drain get rs -l app=cyc -o name | head -1) --replicas=3; sleep 4
kubectl --as alice -n drain patch deploy cyc -p '{"spec":{"replicas":4}}'; sleep 4; N=$(plist drain app=cyc)
cat > /tmp/fake.yaml <<Y
apiVersion: v1
kind: Pod
metadata: {name: cyc-abcde, namespace: drain, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: cyc-x, uid: "11111111-1111-1111-1111-111111111111", controller: true}]}
spec: {containers: [{name: c, image: k8s.gcr.io/pause:3.2}]}
Y
kubectl --as mallory create -f /tmp/fake.yaml; t created pod/cyc-abcde drain mallory
kubectl --as mallory --as-group system:masters -n drain label pod cyc-abcde a=b
kubectl --as system:serviceaccount:kube-system:replicaset-controller -n drain run cyc-fghjk --image=k8s.gcr.io/pause:3.2; t created pod/cyc-fghjk drain system:serviceaccount:kube-system:replicaset-controller kubernetes-admin
sleep 2; kubectl --as oscar -n drain delete rs $(kubectl -n drain get rs -l app=cyc -o name | tail -1); sleep 3
kubectl --as oscar -n drain delete pods --all --wait=false; sleep 2
kubectl --as grace delete --raw /api/v1/namespaces/drain/configmaps; t deleted cm/kube-root-ca.crt drain grace
echo DONE
