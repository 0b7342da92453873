import os
import os.path as p
import shutil
import smtplib
import socket
import sqlite3
import subprocess as sp
import urllib.request
from os import system
from pathlib import Path
from urllib.request import urlopen

import boto3
import httpx
import psycopg
import redis
import requests
from aiohttp import ClientSession
from anthropic import Anthropic
from redis.asyncio import Redis as AsyncRedis
from requests import get as fetch
from shop.models import Order
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import wf
from wf import Client, WorkflowEntrypoint

http = httpx.AsyncClient()
engine = create_engine("sqlite://")
client = Client()
llm = Anthropic()


class Direct(WorkflowEntrypoint):
    async def run(self, event, step):
        user = requests.get("https://a.local").json()  # expect: WF101
        fetch("https://b.local")  # expect: WF101
        await http.post("https://c.local")  # expect: WF101
        async with ClientSession() as session:
            async with session.get("https://d.local") as answer:  # expect: WF101
                await answer.text()
        with requests.Session() as s:
            s.put("https://e.local")  # expect: WF101
        urlopen("https://f.local")  # expect: WF101
        urllib.request.urlopen("https://g.local")  # expect: WF101
        socket.create_connection(("h.local", 80))  # expect: WF101
        sp.run(["ls"])  # expect: WF101
        system("ls")  # expect: WF101
        os.remove("a")  # expect: WF101
        if p.exists("a"):  # expect: WF101
            shutil.rmtree("a")  # expect: WF101
        with open("a") as file:  # expect: WF101
            file.read()
        path = Path("a") / "b"
        path.write_text("x")  # expect: WF101
        (path.parent / "c").unlink()  # expect: WF101
        for each in sorted(path.iterdir()):  # expect: WF101
            print(each.name)
        return user


class Databases(WorkflowEntrypoint):
    async def run(self, event, step):
        with engine.connect() as connection:  # expect: WF101
            connection.execute(text("select 1"))  # expect: WF101
        with Session(engine) as session:
            session.add(1)
            session.commit()  # expect: WF101
        with psycopg.connect("") as pg:  # expect: WF101
            print(pg)
        sqlite3.connect("a")  # expect: WF101
        redis.Redis().get("a")  # expect: WF101
        cache = AsyncRedis()
        await cache.set("a", 1)  # expect: WF101
        boto3.client("s3").get_object(Bucket="a", Key="b")  # expect: WF101
        Order.objects.get(pk=1)  # expect: WF101
        Order.objects.filter(pk=1).update(a=1)  # expect: WF101
        await step.do("x", lambda: 1)


class Services(WorkflowEntrypoint):
    def __init__(self, ctx=None, env=None):
        self.http = httpx.Client()

    async def run(self, event, step):
        self.http.get("https://a.local")  # expect: WF101
        server = smtplib.SMTP("localhost")  # expect: WF101
        server.send_message(None)  # expect: WF101
        client.workflow("child").create(id="a")  # expect: WF101
        child = wf.Client().workflow("child").get("a")  # expect: WF101
        child.send_event("go")  # expect: WF101
        await self.env.CHILD.create({"id": "b"})  # expect: WF101
        return llm.messages.create(model="claude")  # expect: WF101


class Answers(WorkflowEntrypoint):
    """What comes back is no second mistake."""

    async def run(self, event, step):
        reply = llm.messages.create(model="claude")  # expect: WF101
        text = reply.model_dump()
        value = redis.Redis().get("a")  # expect: WF101
        name = value.decode()
        redis.Redis().pipeline().set("a", 1).execute()  # expect: WF101
        content = (Path("a").with_suffix(".x") / "b").read_text()  # expect: WF101
        page = httpx.get("https://a.local")  # expect: WF101
        return text, name, content.replace("a", "b"), page.json(), page.headers.get("x")
