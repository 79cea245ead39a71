#!/usr/bin/env bash
# Train on several GPUs (or CPU processes) of one machine, or of several with NNODES,
# NODE_RANK, MASTER_ADDR and MASTER_PORT set on each.
#   tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
set -euo pipefail
if [[ $# -lt 2 ]]; then
  echo "usage: $0 CONFIG PROCESSES [options of tools/train.py]" >&2
  exit 2
fi
config=$1 processes=$2
shift 2
# One thread per process, so that CPU processes do not compete.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec python -m torch.distributed.run \
  --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" --nproc-per-node "$processes" \
  --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${MASTER_PORT:-29500}" \
  "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
