# Imports each model that the volume lacks: import.sh <folder of models> [--wait] <name>=<checkpoint or known model>...
# With --wait somebody else imports them into this volume: waits for each, half an hour at most in all.
set -eu
folder=$1
shift
waits=0
if [ "${1:-}" = --wait ]; then
  waits=360
  shift
fi
isWaiting=$waits
for pair; do
  name=${pair%%=*}
  while [ "$waits" -gt 0 ] && [ ! -f "$folder/$name/manifest.json" ]; do
    waits=$((waits - 1))
    sleep 5
  done
  if [ -f "$folder/$name/manifest.json" ]; then
    echo "$name is there"
  elif [ "$isWaiting" -gt 0 ]; then
    echo "$name does not come; the learner imports it" >&2
    exit 1
  else
    millrace import "${pair#*=}" --name "$name"
  fi
done
