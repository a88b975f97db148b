# Imports each model that the volume lacks: import.sh <folder of models> <name>=<checkpoint or known model>...
set -eu
folder=$1
shift
for pair; do
  name=${pair%%=*}
  if [ -f "$folder/$name/manifest.json" ]; then
    echo "$name is there"
  else
    millrace import "${pair#*=}" --name "$name"
  fi
done
