"""`make torture`: runs the campaign and prints what held."""

from __future__ import annotations

import argparse
import sys

from torture.campaign import items, run_all, table


def main() -> int:
    """Runs the chosen items; returns 1 if one did not hold."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--short", action="store_true", help="loads of a size that a test has time for")
    parser.add_argument("--at-once", type=int, default=1, help="how many servers are attacked at once")
    parser.add_argument("numbers", nargs="*", type=int, help="only these items")
    arguments = parser.parse_args()
    wanted = [one for one in items() if not arguments.numbers or one.number in arguments.numbers]
    chosen = [one for one in wanted if not (arguments.short and one.is_long)]
    results = []
    for result in run_all(chosen, is_full=not arguments.short, at_once=arguments.at_once):
        results.append(result)
        print(table([result]).partition("\n")[2], flush=True)
    broken = [result for result in results if result.problem]
    print()
    print(table(results))
    for one in wanted:
        if one not in chosen:
            print(f"{one.number:>4}  in the long form: {one.title}")
    print(f"\n{len(results)} attacks, {len(results) - len(broken)} held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
