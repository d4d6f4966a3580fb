"""Everything that is measured of a history of sessions, on one that is filled and built once.

    export UPSHOT_BENCH_SESSIONS=1000000,10000000
    PYTHONPATH=tests .venv/bin/python tests/bench/bench_marts.py

The parts are programs of their own, too: first views, answers, reads. Ten million sessions need
some 20 GB of room.
"""

import bench_answers
import bench_first_view
import bench_reads
import uvloop
from built import built, sizes
from rich.console import Console


def main() -> None:
    console = Console(width=110)
    bench_reads.check_sizes()
    all_reads = []
    for sessions in sizes("100000,1000000"):
        with built(sessions, console) as history:
            bench_first_view.measure(history, console)
            answers = bench_answers.measure(history, console)
            reads = bench_reads.measure(history, console)
            # Last, as they make indexes that would be in the way of the writers.
            raw = uvloop.run(bench_answers.measure_raw(history))
            uvloop.run(bench_reads.measure_raw_with_index(reads, history.url))
        bench_reads.show(reads, console)
        bench_answers.show_raw(raw, answers, console)
        bench_answers.show_aims(raw, answers, console)
        all_reads.append(reads)
    bench_reads.show_growth(all_reads, console)
    bench_reads.show_aims(all_reads, console)


if __name__ == "__main__":
    main()
