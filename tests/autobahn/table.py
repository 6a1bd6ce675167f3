"""The report as a table, and everything in it that is not OK. Fails if a case failed (Python 2.7)."""
import collections
import json
import sys

GOOD = ("OK", "INFORMATIONAL", "NON-STRICT")
COLUMNS = ("OK", "INFORMATIONAL", "NON-STRICT", "FAILED")

cases = json.load(open(sys.argv[1]))["tradehook"]
groups = collections.defaultdict(collections.Counter)
odd = []
for case, report in cases.items():
    group = int(case.split(".")[0])
    worst = [b for b in (report["behavior"], report["behaviorClose"]) if b not in GOOD]
    kind = "FAILED" if worst else report["behavior"]
    groups[group][kind] += 1
    if kind != "OK" or report["behaviorClose"] != "OK":
        odd.append(([int(n) for n in case.split(".")], case, report["behavior"], report["behaviorClose"]))

print("| group | cases | %s |" % " | ".join(c.lower() for c in COLUMNS))
print("|--|--|--|--|--|--|")
for group in sorted(groups):
    counts = [groups[group][c] for c in COLUMNS]
    print("| %d | %d | %s |" % (group, sum(counts), " | ".join(str(n) for n in counts)))
total = [sum(g[c] for g in groups.values()) for c in COLUMNS]
print("| all | %d | %s |" % (sum(total), " | ".join(str(n) for n in total)))
print("")
for _, case, behavior, close in sorted(odd):
    print("%s: %s, its end %s" % (case, behavior.lower(), close.lower()))
sys.exit(1 if total[-1] or not cases else 0)
