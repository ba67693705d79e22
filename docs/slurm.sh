#!/bin/bash
# One process a GPU on two machines of four: `sbatch docs/slurm.sh`, in a folder that all machines see.
#SBATCH --job-name=jaxgan
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@120
# 120 seconds before the time is over, all processes save at the same step and end; the job, put into
# the queue again by `scontrol requeue` or `sbatch`, continues there.

srun --kill-on-bad-exit=1 .venv/bin/python train.py \
    --config configs/cyclegan_horse2zebra.py \
    --distributed \
    --workdir runs/horse2zebra \
    --config.train.batch_size=8 \
    --config.train.epochs=200
