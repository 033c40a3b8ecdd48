# Reads the object at the API path $1 from this node's own API server, and changes nothing. Follows lib.sh, server.sh
# and client.sh. Only its metadata is asked for; kubectl cannot do that, so that it is not asked for a Secret.
ACCEPT='application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'
case $1 in
*/secrets/*) if have curl && have base64; then ask GET "$1"; else CODE=none; fi ;;
*) ask GET "$1" ;;
esac
field object.code "$CODE"
blob object.body "$ANSWER"
