"""Journals that earlier code has written, and today's code going on with them.

One file for each revision of the schema, `0001.jsonl` and so on: a line for the schema, a line for each row of each
table, and a line for what the feed told of each instance. They were written by the last code of that revision, which
really ran `workflows.py`; they are never changed, however the code does. Timestamps are those of a clock that stands
still; tokens, host names and paths are replaced, so that the same code writes the same file.

`stories.py` tells what each instance was in the middle of, and what it must come to. To record a revision once more, or
a new one before the next migration comes, let that code run the recorder of today:

    git archive COMMIT | tar -x -C FOLDER && cp -r tests/histories FOLDER/tests/
    cd FOLDER && PYTHONPATH=.:tasks:reaper:api python -m tests.histories.record 0004.jsonl

    0001   bab43f4   the journal
    0002   a493504   and tables for operators
    0003   fa458fc   and what the dashboard shows

Use of the API of the package is what those releases have in common: `workflows.py`, `stories.py` and `record.py` run on
all of them.
"""
