"""Two machines of a Ray cluster on 127.0.0.1, in a process of their own: prints the address, kills the second one when told to."""

import os
import sys
import tempfile

NODE = {"num_cpus": 2, "node_ip_address": "127.0.0.1", "object_store_memory": 100 * 2**20, "include_dashboard": False}


def main():
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_worker_niceness": "0"}
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:  # a short name: sockets lie in it
        os.environ["RAY_TMPDIR"] = folder
        run()


def run():
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    second = cluster.add_node(**NODE)
    print(f"\naddress {cluster.address}", flush=True)
    if sys.stdin.readline().strip() == "kill":
        cluster.remove_node(second, allow_graceful=False)
        sys.stdin.readline()
    cluster.shutdown()


if __name__ == "__main__":
    main()
