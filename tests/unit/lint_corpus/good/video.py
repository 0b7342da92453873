"""Transcoding: processes, threads and files, each inside of steps."""

import asyncio
import concurrent.futures
import shutil
import subprocess
import threading
from pathlib import Path

from wf import WorkflowEntrypoint


def probe(path: Path) -> dict:
    done = subprocess.run(["ffprobe", str(path)], capture_output=True, check=True)
    return {"bytes": len(done.stdout)}


class Transcode(WorkflowEntrypoint):
    async def run(self, event, step):
        source = Path(event.payload["path"])
        target = source.with_suffix(".webm")
        folder = source.parent / "out" / source.stem
        meta = await step.do(f"probe {source.name}", lambda: probe(source))

        @step.do("transcode", config={"timeout": "30 minutes"})
        async def transcode(ctx):
            process = await asyncio.create_subprocess_exec("ffmpeg", str(source), str(target))
            while process.returncode is None:
                await ctx.heartbeat()
                await asyncio.sleep(1)
            return process.returncode

        @step.do("thumbnails")
        def thumbnails():
            with concurrent.futures.ThreadPoolExecutor() as pool:
                made = list(pool.map(probe, folder.glob("*.png")))
            thread = threading.Thread(target=shutil.rmtree, args=(folder,))
            thread.start()
            thread.join()
            return len(made)

        @step.do("in a thread")
        async def in_thread():
            return await asyncio.to_thread(shutil.copy, source, target)

        code = await transcode()
        both = await asyncio.gather(thumbnails(), in_thread())
        return {"code": code, "both": both, "meta": meta, "name": target.name, "suffix": source.suffix}
