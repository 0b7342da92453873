import csv
import io
import json
import os
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path, PurePosixPath

import boto3
import psycopg

from wf import WorkflowEntrypoint

BUCKET = os.environ.get("BUCKET", "raw")
s3 = boto3.client("s3")


class Nightly(WorkflowEntrypoint, name="nightly-etl", schedules="0 3 * * *"):
    async def run(self, event, step):
        day = date.fromisoformat(event.payload["day"])
        key = str(PurePosixPath("exports") / f"{day:%Y/%m/%d}.csv")
        label = datetime(day.year, day.month, day.day).strftime("%A")
        month_begin = day.replace(day=1)
        yesterday = day - timedelta(days=1)

        @step.do("extract")
        def extract():
            body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            with tempfile.NamedTemporaryFile(delete=False) as file:
                file.write(body)
            return file.name

        @step.do("transform", depends=[extract])
        def transform(path):
            rows = []
            with open(path) as file:
                for row in csv.DictReader(file):
                    row["loaded_at"] = datetime.now().isoformat()
                    rows.append(row)
            target = Path(path).with_suffix(".json")
            target.write_text(json.dumps(rows))
            return {"path": str(target), "rows": len(rows)}

        @step.do("load", config={"timeout": "20 minutes"})
        def load(transform):
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                connection.execute("delete from sales where day = %s", [day])
                data = json.loads(Path(transform["path"]).read_text())
                for row in data:
                    connection.execute("insert into sales values (%s)", [json.dumps(row)])
            return len(data)

        buffer = io.StringIO()
        csv.writer(buffer).writerow([label, month_begin, yesterday])
        return {"loaded": await load(), "header": buffer.getvalue()}
