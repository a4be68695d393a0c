"""What someone who reaches a cluster's machines, but has no token, can do to them; runs on the third pretend machine.

    python stranger.py ports ADDRESS ...       TCP ports that take a connection, as {address: [port, ...]}
    python stranger.py answers ADDRESS:PORT .. what these answer to HTTP and to each of Ray's services, as {port: [...]}

Prints one JSON object.
"""

import asyncio
import json
import sys
import urllib.error
import urllib.request

AT_ONCE = 2000
# One call of each service that Ray's processes have, and the service that runs a stranger's code or gives away objects.
CALLS = [
    "NodeInfoGcsService/GetAllNodeInfo", "InternalKVGcsService/InternalKVGet", "JobInfoGcsService/AddJob",
    "ActorInfoGcsService/RegisterActor", "NodeManagerService/RequestWorkerLease", "NodeManagerService/GetNodeStats",
    "ObjectManagerService/Pull", "ObjectManagerService/Push", "CoreWorkerService/PushTask",
    "CoreWorkerService/GetObjectStatus", "ReporterService/GetTraceback", "LogService/ListLogs",
]  # fmt: skip
PATHS = ["/", "/metrics", "/api/version", "/api/job_agent/jobs/", "/get_or_create_runtime_env"]


async def ports(address: str) -> list[int]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def is_open(port: int) -> bool:
        async with gate:
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), timeout=10)
            except (OSError, TimeoutError):
                return False
            writer.close()
            return True

    every = range(1, 65536)
    return [port for port, found in zip(every, await asyncio.gather(*map(is_open, every)), strict=True) if found]


def answers(target: str) -> list[str]:
    """Each distinct answer: `HTTP status`, `HTTP none` without HTTP, and gRPC's status codes."""
    calls = {call(target, method) for method in CALLS}
    return sorted({f"HTTP {get(target, path)}" for path in PATHS} | calls)


def get(target: str, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://{target}{path}", timeout=10) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except Exception:  # not HTTP
        return "none"


def call(target: str, method: str) -> str:
    import grpc

    with grpc.insecure_channel(target) as channel:
        try:
            channel.unary_unary(f"/ray.rpc.{method}")(b"", timeout=10)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


if __name__ == "__main__":
    kind, *targets = sys.argv[1:]
    if kind == "ports":
        print(json.dumps({target: asyncio.run(ports(target)) for target in targets}))
    else:
        print(json.dumps({target: answers(target) for target in targets}))
