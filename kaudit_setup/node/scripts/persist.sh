# Replaces ConfigMap kube-system/kubeadm-config by the object on standard input, whose resourceVersion guards it.
# Follows lib.sh, change.sh and client.sh; needs ENTRY (members of the journal line), LENGTH of the object and
# BACKUP_NAME with BACKUP_JSON, or both empty where the old text is already in another backup.
ID=persist.$$
deaf
trap 'rm -f -- "$PAYLOAD"; forget' EXIT
prepare
receive "$LENGTH"
lock 5
if [ -n "$BACKUP_NAME" ]; then
  backup_begin "$BACKUP_NAME"
  { printf '%s\n' "$BACKUP_JSON" >"$BACKUP/backup.json"; } 2>/dev/null &&
    [ "$(cat "$BACKUP/backup.json")" = "$BACKUP_JSON" ] || fail 12 "cannot write the backup (is the disk full?)"
  sync_path "$BACKUP/backup.json"
  sync_path "$BACKUP"
  sync_path "$STATE/backups"
fi
ask PUT /api/v1/namespaces/kube-system/configmaps/kubeadm-config "$PAYLOAD"
field code "$CODE"
blob body "$ANSWER"
if [ "$CODE" = 200 ]; then journal "$ENTRY"; fi
field end ok
