#!/usr/bin/env bash
# set_up_node.sh FOLDER [NFS_EXPORT]   gets a machine of a cluster ready: results in FOLDER, packages, environment
#
# FOLDER is the one folder that every machine shares; NFS_EXPORT (host:/path) is mounted there first, if it is given.
# Called by cluster.yaml and cluster-ssh.yaml in ~/rethink-project of each machine; may be run again at any time.
set -euo pipefail
folder=${1:?the folder of the results, which every machine shares}
export_=${2:-}
project=$(cd "$(dirname "$0")/.." && pwd)
sudo=$([ "$(id -u)" = 0 ] || echo sudo)

refuse() { echo "set_up_node.sh on $(hostname): $1" >&2; exit 1; }

token=$HOME/.ray/auth_token
[ -s "$token" ] || refuse "$token is missing: make it where you call \`ray up\` (docs/cluster.md)"
[ "$(stat --format %a "$token")" = 600 ] || refuse "$token can be read by others: chmod 600 it where you call \`ray up\`"

# get COMMAND PACKAGE: installs the package if the command is missing.
get() {
    command -v "$1" >/dev/null && return
    { $sudo apt-get update -qq && $sudo apt-get install -qq -y -o DPkg::Lock::Timeout=600 "$2" >/dev/null; } ||
        refuse "cannot install $2"
}
get make make
get git git  # says of which commit the results are
get tmux tmux  # for `ray submit --tmux`

if [ -n "$export_" ] && ! mountpoint --quiet "$folder"; then
    get mount.nfs4 nfs-common
    $sudo mkdir -p "$folder"
    # actimeo: a machine sees within a second what another has written, instead of within a minute.
    $sudo mount -t nfs4 -o nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport,actimeo=1 \
        "$export_" "$folder" || refuse "cannot mount $export_ at $folder"
    mountpoint --quiet "$folder" && $sudo chown "$(id -u)" "$folder"
fi
mkdir -p "$folder" 2>/dev/null || true
[ -w "$folder" ] || refuse "cannot write to $folder, where the results go"

# An environment that is there (RETHINK_VENV: of your own, say for ROCm) is used; pip adds what it lacks.
venv=${RETHINK_VENV:-$project/.venv}
make --directory "$project" --no-print-directory VENV="$venv" EXTRA=cluster "$venv/.ready"

cat > "$HOME/.rethink_environment" <<END
export PATH=$venv/bin:\$PATH
export RETHINK_STORAGE=$folder
export RAY_ADDRESS=auto  # a sweep that is started here runs on the cluster
export RAY_AUTH_MODE=token  # no port lets anyone in without ~/.ray/auth_token
export RAY_USAGE_STATS_ENABLED=0
# Ray's metrics ask for no token: off, and on a port that no one can have.
export RAY_enable_metrics_collection=0
export AUTOSCALER_METRIC_PORT=-1
export DASHBOARD_METRIC_PORT=-1
END
line=". ~/.rethink_environment"
grep --quiet --line-regexp --fixed-strings "$line" "$HOME/.bashrc" 2>/dev/null || echo "$line" >> "$HOME/.bashrc"
