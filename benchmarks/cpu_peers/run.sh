#!/usr/bin/env bash
# Times snicit beside what a user could build from today's libraries, on the Graph Challenge's
# 1024-neuron network, in one run. Installs the peers from PyPI into a virtual environment.
#
#   benchmarks/cpu_peers/run.sh MNIST-TRAIN-IMAGES [LAYERS] [REPEATS]
#
# $PEERS is the virtual environment (made if missing), $WORK the folder for generated data.
set -euo pipefail
cd "$(dirname "$0")/../.."
mnist=$1 layers=${2:-120} repeats=${3:-3}
peers=${PEERS:-target/peers} work=${WORK:-target/peers-data}

if [ ! -x "$peers/bin/python" ]; then
  python3 -m venv "$peers"
  "$peers/bin/pip" install --quiet numpy scipy python-graphblas torch onnxruntime onnx
fi
cargo build --release --quiet
snicit=target/release/snicit
if [ ! -f "$work/neuron1024/n1024-l$layers.tsv" ]; then
  "$snicit" data generate -n 1024 -l "$layers" --data "$work" --force
fi
[ -f "$work/sparse-images-1024.tsv" ] || "$snicit" data images -n 1024 --mnist "$mnist" --data "$work"
[ -f "$work/neuron1024-l$layers-categories.tsv" ] ||
  "$snicit" data truth -n 1024 -l "$layers" --data "$work"
exec "$peers/bin/python" benchmarks/cpu_peers/sdgc.py "$snicit" "$work" "$layers" "$repeats"
