"""Chaos: real processes under load while a monkey breaks what it can; a checker of its own reads what they have done.

::

    plan.py        what the monkey will do, out of a seed
    monkey.py      does it, to the processes and servers of deployment.py and the connections of proxy.py
    users.py       create instances of workload.py, and write down what was acknowledged
    evidence.py    what they, the workload's side effects and the journal say in the end
    checker.py     what of that must not be
    figures.py     how soon things went on after each kind of disturbance
    picture.py     all of it in one picture
"""
