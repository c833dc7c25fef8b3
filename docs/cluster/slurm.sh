#!/bin/bash
# One network on the GPUs of several machines of a Slurm cluster.
#
#     sbatch docs/cluster/slurm.sh resnet18 --dataset cifar10 --batch-size 1024 --epochs 30
#
# What follows the file is what `retroprop train` takes. Sent again, after the time limit or a lost
# machine, the same command continues from the last epoch. Change the lines below for your cluster.
# The environment that you send it from must have retroprop on all machines, and the folder must be
# one that all of them see: records and model are written there, by the first process alone.

#SBATCH --job-name=retroprop-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --mem=64G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

set -euo pipefail

export OMP_NUM_THREADS=1
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

srun --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" \
    torchrun \
    --nnodes "$SLURM_JOB_NUM_NODES" \
    --nproc-per-node "$SLURM_GPUS_ON_NODE" \
    --rdzv-id "$SLURM_JOB_ID" \
    --rdzv-backend c10d \
    --rdzv-endpoint "$head:29400" \
    -m retroprop train "$@" --device cuda
