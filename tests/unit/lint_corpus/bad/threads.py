import asyncio
import threading
from asyncio import to_thread
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

from wf import WorkflowEntrypoint


class Threads(WorkflowEntrypoint):
    async def run(self, event, step):
        await asyncio.to_thread(print, 1)  # expect: WF106
        await to_thread(print, 1)  # expect: WF106
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, print)  # expect: WF106
        await asyncio.get_event_loop().run_in_executor(None, print)  # expect: WF106
        await asyncio.create_subprocess_exec("ls")  # expect: WF106
        reader, writer = await asyncio.open_connection("a", 1)  # expect: WF106
        thread = Thread(target=print)
        thread.start()  # expect: WF106
        threading.Timer(1, print).start()  # expect: WF106
        with ThreadPoolExecutor() as pool:
            pool.submit(print)  # expect: WF106
        asyncio.run(step.do("x", lambda: 1))  # expect: WF106
