#!/usr/bin/env bash
# Runs on a control-plane node: gives its apiserver-kubelet-client certificate the rights that kubeadm gives it.
# Usage: rights.sh new|old
#   new  as since 1.36.1: no Organization, and one ClusterRole, system:kubelet-api-admin (kubernetes#138958;
#        cmd/kubeadm/app/phases/bootstraptoken/node/tlsbootstrap.go)
#   old  as up to 1.28: system:masters
set -euo pipefail
pki=/etc/kubernetes/pki
name=kube-apiserver-kubelet-client
case ${1:-} in
  new) subject=/CN=$name ;;
  old) subject=/O=system:masters/CN=$name ;;
  *) sed -n 2,6p "$0" >&2; exit 2 ;;
esac
openssl req -new -key "$pki/apiserver-kubelet-client.key" -subj "$subject" |
  openssl x509 -req -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -set_serial "0x$(openssl rand -hex 8)" -days 365 \
    -extfile <(printf 'keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth\n') \
    -out "$pki/.client.crt" 2>/dev/null
mv -f "$pki/.client.crt" "$pki/apiserver-kubelet-client.crt"
export KUBECONFIG=/etc/kubernetes/admin.conf
kubectl create clusterrolebinding kubeadm:apiserver-kubelet-client --clusterrole=system:kubelet-api-admin \
  --user="$name" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
