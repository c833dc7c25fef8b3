#!/bin/bash
# A study on several machines of a Slurm cluster: Ray runs there for the time of this job.
#
#     export RETROPROP_DB=postgresql+psycopg://me@db.example.org/retroprop
#     export RETROPROP_STORE=/shared/retroprop
#     sbatch docs/cluster/slurm_ray.sh inf8225-logistic --size full
#
# What follows the file is what `retroprop run` takes. The database is one that all machines reach,
# and the store a folder that all of them see, or s3://BUCKET/PREFIX. Sent again, after the time
# limit or a lost machine, the same command continues from the last epoch of every population.

#SBATCH --job-name=retroprop-study
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=64G
#SBATCH --exclusive
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

set -euo pipefail

: "${RETROPROP_DB:?name a database that all machines reach}"
: "${RETROPROP_STORE:?name a folder that all machines see, or s3://BUCKET/PREFIX}"
export OMP_NUM_THREADS=1 RAY_USAGE_STATS_ENABLED=0
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

# every machine starts Ray; the first one then runs the command, and all stop when it has ended
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
    ray symmetric-run \
    --address "$head:6379" \
    --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus "$SLURM_CPUS_PER_TASK" \
    -- \
    retroprop run "$@" --on "ray://$head:10001" --db "$RETROPROP_DB" --store "$RETROPROP_STORE"
