#!/bin/bash
# A million pictures on a cluster: an array of shards, each of which goes on where it was when it is started
# again, and a last job that adds them up. On a machine with Debian's slurm-wlm and no cluster,
# `slurm.sh --here DATA` starts one node for the time of the example.
#
#   sbatch --array=1-400 tools/examples/slurm.sh shard DATA PARTS     (one shard; --requeue is safe)
#   sbatch --dependency=afterok:JOB tools/examples/slurm.sh merge DATA PARTS
#   tools/examples/slurm.sh --here DATA [SHARDS]
#SBATCH --job-name=levit
#SBATCH --cpus-per-task=1
#SBATCH --requeue
set -euo pipefail

levit=${LEVIT:-levit}

shard() { # DATA PARTS
  "$levit" evaluate "$1" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --resume \
    --predictions "$2/$(printf %06d "$SLURM_ARRAY_TASK_ID").ndjson" --threads "${SLURM_CPUS_PER_TASK:-1}"
}

merge() { # DATA PARTS
  "$levit" evaluate --merge "$2"/*.ndjson --json --report "$2/report.html" >"$2/metrics.json"
}

# One node on this machine, with a key, a configuration and a spool of its own, ended with the script.
start_cluster() { # FOLDER
  # A socket alone says nothing: it outlives a munged that was killed, and then every command of Slurm waits.
  if ! timeout 10 munge --no-input >/dev/null 2>&1; then
    mkdir -p /run/munge && chown munge: /run/munge
    runuser -u munge -- /usr/sbin/munged --force
  fi
  mkdir -p "$1/state" "$1/spool"
  cat >"$1/slurm.conf" <<CONF
ClusterName=here
SlurmctldHost=$(hostname -s)
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/spool
SlurmctldPidFile=$1/slurmctld.pid
SlurmdPidFile=$1/slurmd.pid
SlurmctldLogFile=$1/slurmctld.log
SlurmdLogFile=$1/slurmd.log
NodeName=$(hostname -s) CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF=$1/slurm.conf
  slurmctld -D >"$1/slurmctld.out" 2>&1 &
  controller=$!
  slurmd -D >"$1/slurmd.out" 2>&1 &
  node=$!
  trap 'kill "$node" "$controller" 2>/dev/null; wait 2>/dev/null' EXIT
  for _ in $(seq 60); do
    sinfo --noheader --format=%T 2>/dev/null | grep -q idle && return
    sleep 1
  done
  echo "slurm.sh: the node does not come up; see $1/slurmd.log" >&2
  return 1
}

here() { # DATA [SHARDS]
  local data parts job shards=${2:-4} folder
  data=$(realpath "$1")
  folder=$(mktemp -d)
  parts=$folder/parts
  mkdir "$parts"
  levit=$(command -v "$levit")
  export LEVIT=$levit
  start_cluster "$folder"
  sinfo
  # The second shard is ended in the middle and queued again, as a lost node would do it.
  job=$(sbatch --parsable --array="1-$shards" --output="$folder/%a.log" --open-mode=append "$0" shard "$data" "$parts")
  echo "job $job: $shards shards"
  for _ in $(seq 600); do
    [ -f "$parts/000002.ndjson" ] && [ "$(wc -l <"$parts/000002.ndjson")" -gt 3 ] && break
    sleep 0.1
  done
  scontrol requeue "${job}_2" && echo "shard 2 ended after $(wc -l <"$parts/000002.ndjson") lines and queued again"
  scontrol update JobId="${job}_2" StartTime=now
  sbatch --wait --dependency="afterany:$job" --output="$folder/merge.log" "$0" merge "$data" "$parts" || true
  cat "$folder"/[0-9]*.log "$folder/merge.log"
  squeue
  head -n 20 "$parts/metrics.json"
  "$levit" evaluate "$data" --json >"$folder/whole.json"
  cmp "$parts/metrics.json" "$folder/whole.json" && echo "the merged metrics are those of one run, byte for byte"
}

case ${1:-} in
  shard | merge) "$@" ;;
  --here) shift && here "$@" ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
