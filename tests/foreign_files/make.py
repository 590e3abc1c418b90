"""Makes the files that tests/foreign_files.rs reads: python make.py, with numpy, pandas, polars and pyarrow.

Made with numpy 2.4, pandas 3.1.1, polars 2.1.0 and pyarrow 26.0.1.
"""

import numpy
import pandas
import polars
import pyarrow
from pyarrow import parquet

random = numpy.random.default_rng(1)
count = 40
table = pandas.DataFrame(
    {
        "age": random.integers(20, 90, count).astype("int32"),
        "pressure": random.normal(120, 10, count),
        "score": random.normal(size=count).astype("float32"),
        "treated": random.random(count) < 0.3,
        "site": numpy.where(random.random(count) < 0.5, "basel", "bern"),
        "code": random.integers(0, 2**32, count).astype("uint32"),
        "kind": numpy.array(["a", "b", "c"])[random.integers(0, 3, count)],
    }
)
table.loc[3, "pressure"] = None
table.assign(treated=table["treated"].astype("int32")).to_csv("rows.csv", index=False)

table.to_parquet("pandas.parquet", index=False)
table.to_parquet("gzip.parquet", index=False, compression="gzip")
polars.from_pandas(table).write_parquet("polars.parquet", compression="snappy")
polars.from_pandas(table).write_parquet("zstd.parquet")
arrow = pyarrow.Table.from_pandas(table, preserve_index=False)
parquet.write_table(
    arrow,
    "encodings.parquet",
    compression="none",
    data_page_version="2.0",
    row_group_size=15,
    use_dictionary=False,
    column_encoding={
        "age": "DELTA_BINARY_PACKED",
        "pressure": "BYTE_STREAM_SPLIT",
        "score": "BYTE_STREAM_SPLIT",
        "treated": "RLE",
        "site": "DELTA_BYTE_ARRAY",
        "code": "DELTA_BINARY_PACKED",
        "kind": "DELTA_LENGTH_BYTE_ARRAY",
    },
)
pandas.DataFrame({"x": [[1, 2], [3]], "y": [0, 1]}).to_parquet("list.parquet")
pandas.DataFrame({"born": pandas.to_datetime(["2020-01-01", "2021-01-01"]), "y": [0, 1]}).to_parquet("time.parquet")

images = random.integers(0, 256, (25, 2, 2)).astype("uint8")
classes = random.integers(0, 3, (25, 1)).astype("uint8")
numpy.savez_compressed(
    "keras.npz", x_train=images[:20], y_train=classes[:20], x_test=images[20:], y_test=classes[20:]
)
numpy.savez("xy.npz", x=random.normal(size=(4, 3)), y=numpy.array([0.5, -1.0, 2.25, 3.0]))
numpy.savez("strange.npz", a=images, b=classes)
numpy.save("keras.npy", images[:20])
numpy.save("keras-labels.npy", classes[:20, 0])
