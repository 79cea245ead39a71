#!/usr/bin/env bash
# Run a command of tools/create_data.py on the nodes of a Slurm array. The first task starts
# a Ray cluster and the command, the others join it and add their CPUs. Tasks that start
# late or are lost do not matter, except the first: submit it again to continue.
#   sbatch --array=0-15 --cpus-per-task=32 --mem=64G --time=8:00:00 \
#     tools/slurm_array.sh superpixels --info INFO --data-root DATA
set -euo pipefail
if [[ $# -lt 1 || -z ${SLURM_ARRAY_JOB_ID:-} ]]; then
  echo "usage: sbatch --array=0-N $0 COMMAND [options of tools/create_data.py COMMAND]" >&2
  exit 2
fi
# Slurm runs a copy of this file, in the folder of sbatch: that of the project.
folder=${RENDEZVOUS_DIR:-work_dirs/slurm_array}
address_file=$folder/$SLURM_ARRAY_JOB_ID.address
end_file=$folder/$SLURM_ARRAY_JOB_ID.end
GOODBYE_S=10
node=(--num-cpus "${SLURM_CPUS_PER_TASK:-1}" --disable-usage-stats --block)
mkdir -p "$folder"
if [[ $SLURM_ARRAY_TASK_ID != "$SLURM_ARRAY_TASK_MIN" ]]; then
  until [[ -s $address_file || -e $end_file ]]; do sleep 2; done
  [[ -e $end_file ]] && exit 0
  ray start --address "$(< "$address_file")" "${node[@]}" &
  while [[ ! -e $end_file ]] && kill -0 $! 2> /dev/null; do sleep 1; done
  kill $! 2> /dev/null || true
  wait $! || true
  exit 0
fi
host=$(python -c "import ray; print(ray.util.get_node_ip_address())")
port=$((20000 + SLURM_ARRAY_JOB_ID % 10000))
rm -f "$end_file"
ray start --head --node-ip-address "$host" --port "$port" --include-dashboard false "${node[@]}" &
head=$!
finish() {
  rm -f "$address_file"
  touch "$end_file"
  sleep "$GOODBYE_S" # the others leave a cluster that is still there
  kill "$head" 2> /dev/null || true
  wait "$head" || true
}
trap finish EXIT
until (: < "/dev/tcp/$host/$port") 2> /dev/null; do
  kill -0 "$head"
  sleep 1
done
echo "$host:$port" > "$address_file.new"
mv "$address_file.new" "$address_file"
python tools/create_data.py "$@" --executor ray --address "$host:$port"
