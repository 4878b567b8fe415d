"""A simulated month: what each way to meet late data decides every half hour, and what comes of it.

Waiting, calling and repairing are decided by the shipped code (`healing/arrival_curve.py`, `domain/reach.py`). The lake
is counters: rows by event day and bucket, days published or not. A month of real cycles would take hours and decide the
same; other tests prove that a heal writes the right rows. Heals take no time here, so each hour in which published
data is wrong is due to the policy.
"""
