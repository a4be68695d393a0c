"""Two Ray nodes of one CPU each on loopback, behind a token: run as a program, in an environment that `made_for` gives.

Prints the address and the process of the second node's raylet; a line on its input takes that node away.
"""

import os
import secrets
import sys


def made_for(environment: "os._Environ[str]") -> dict[str, str]:
    """The environment for the nodes and for processes that join them."""
    outside = {name: value for name, value in environment.items() if not name.startswith("RAY_")}
    lock = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return outside | lock | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # else Ray listens on every interface


if __name__ == "__main__":
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    nodes = [cluster.add_node(num_cpus=1, include_dashboard=False, wait=True) for _ in range(2)]
    print(cluster.address, nodes[1].all_processes["raylet"][0].process.pid, flush=True)
    sys.stdin.readline()
    cluster.remove_node(nodes[1], allow_graceful=False)
    print("removed", flush=True)
    sys.stdin.readline()
    cluster.shutdown()
