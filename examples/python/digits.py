"""Writes scikit-learn's 1,797 handwritten digits as rows of so many sites: site-1.csv, site-2.csv, ...

    python digits.py 3 [FOLDER]
"""
import os, sys
import numpy as np
from sklearn.datasets import load_digits

sites, folder = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "."
X, y = load_digits(return_X_y=True)
rows = np.column_stack([X / 16, y])[np.random.default_rng(1).permutation(len(y))]
for site, part in enumerate(np.array_split(rows, sites), 1):
    np.savetxt(os.path.join(folder, "site-%d.csv" % site), part, fmt="%g", delimiter=",")
