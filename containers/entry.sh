#!/bin/sh
# The image's entry point: the prediction server, a Beam worker, or any command.
#
# Vertex AI gives steps and endpoints a command of their own, which replaces this script. Dataflow and other portable
# runners start a worker by flags alone and want them passed to Beam's starter:
# https://cloud.google.com/dataflow/docs/guides/build-container-image
set -eu

boot=/opt/apache/beam/boot
model=${AIP_STORAGE_URI:-}

case "${1:-serve}" in
  serve)
    if [ "$(id -u)" = 0 ]; then
      drop="setpriv --reuid=10001 --regid=10001 --clear-groups"
      # Root without capabilities may not change its user. A folder that only root may read is served by root; a gs://
      # address is read with credentials.
      if $drop true 2>/dev/null && { [ "${model#/}" = "$model" ] || $drop test -r "$model/saved_model.pb"; }; then
        HOME=/home/earthline exec $drop python3 -m serving
      fi
    fi
    exec python3 -m serving
    ;;
  -*)
    if [ ! -x "$boot" ]; then
      echo "earthline: this image was built without $boot, which starts Beam workers; build it with" \
        "--build-arg BEAM_BOOT=with" >&2
      exit 2
    fi
    exec "$boot" "$@"
    ;;
  *)
    exec "$@"
    ;;
esac
