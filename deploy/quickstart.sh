#!/usr/bin/env bash
# A lake on this machine, in a cluster of kind or k3d, from nothing to a first map:
#   deploy/quickstart.sh up [map.png]    SOURCE=noaa takes NOAA's files, else they are invented; CLUSTER=k3d
#   deploy/quickstart.sh down            nothing of it is left
# It needs Docker, kubectl and kind (or k3d). Other clusters of kubectl are left alone.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
name=goeslake
cluster=${CLUSTER:-kind}
image=goeslake:cpu
case ${SOURCE:-synthetic} in
  synthetic) overlay=quickstart-synthetic ;;
  noaa) overlay=quickstart ;;
  *) echo "SOURCE=$SOURCE: wanted synthetic or noaa" >&2; exit 64 ;;
esac
case $cluster in
  kind | k3d) ;;
  *) echo "CLUSTER=$cluster: wanted kind or k3d" >&2; exit 64 ;;
esac

ask() { kubectl --context "$cluster-$name" --namespace "$name" "$@"; }

build() {
  docker build -f "$repository/deploy/Dockerfile" --target cpu \
    --build-arg COMMIT="$(git -C "$repository" rev-parse HEAD)" -t "$image" "$repository"
}

make_cluster() {
  case $cluster in
    kind)
      kind get clusters | grep -qx "$name" || kind create cluster --name "$name"
      kind load docker-image "$image" --name "$name" ;;
    k3d)
      k3d cluster get "$name" >/dev/null 2>&1 || k3d cluster create "$name"
      k3d image import "$image" --cluster "$name" ;;
  esac
}

# The keys of the S3 server are invented here, once: they open nothing else
make_keys() {
  ask get secret lake-credentials >/dev/null 2>&1 || ask create secret generic lake-credentials \
    --from-literal=AWS_ACCESS_KEY_ID=quickstart \
    --from-literal=AWS_SECRET_ACCESS_KEY="$(head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \n')" \
    --dry-run=client -o yaml | ask apply -f -
}

# Waits for a Job, for 20 minutes, and shows its log where it fails
finish() {
  local conditions
  for _ in {1..600}; do
    conditions=$(ask get "job/$1" -o 'jsonpath={.status.conditions[*].type}')
    case $conditions in
      *Complete*) return ;;
      *Failed*) break ;;
    esac
    sleep 2
  done
  echo "job $1 did not complete:" >&2
  ask logs "job/$1" >&2
  exit 1
}

fill() {
  ask apply -f "$repository/deploy/base/namespace.yaml"
  make_keys
  ask apply -k "$repository/deploy/overlays/$overlay"
  ask rollout status --timeout=10m deployment/object-store
  if [ "$overlay" = quickstart-synthetic ]; then finish granules; fi
  ask create job first --from=cronjob/ingest --dry-run=client -o yaml | ask apply -f -
  finish first
}

# The page does not start before there is a lake, so it is started once more
draw() {
  ask rollout restart deployment/explorer
  ask rollout status --timeout=10m deployment/explorer
  local key
  key=$(ask exec deployment/explorer -- lake ls --json | sed -n 's/.*"key": "\([^"]*\)".*/\1/p' | tail -n 1)
  ask exec deployment/explorer -- lake plot map "$key" --out /scratch/map.png >&2
  ask exec deployment/explorer -- cat /scratch/map.png > "$1"
  echo "$1 is the first map, of $key"
  echo "the page: kubectl --context $cluster-$name -n $name port-forward deployment/explorer 8765"
}

case ${1:-} in
  up)
    build
    make_cluster
    fill
    draw "${2:-map.png}" ;;
  down)
    case $cluster in
      kind) kind delete cluster --name "$name" ;;
      k3d) k3d cluster delete "$name" ;;
    esac ;;
  *) sed -n '2,5s/^# \?//p' "$0" >&2; exit 64 ;;
esac
