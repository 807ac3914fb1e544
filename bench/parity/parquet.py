"""Writes test/fixtures/benchmarks/*.parquet with pyarrow, so that the reader is held to another's files: python3 bench/parity/parquet.py"""
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = "test/fixtures/benchmarks/"

mmlu = pa.table(
    {
        "question": [
            "Which of these is a fruit?",
            "How many legs has a spider?",
            "Which planet is nearest to the sun?",
        ],
        "subject": ["botany", "zoology", "astronomy"],
        "choices": [
            ["apple", "brick", "cloud", "spoon"],
            ["four", "six", "eight", "ten"],
            ["Venus", "Mercury", "Earth", "Mars"],
        ],
        "answer": pa.array([0, 2, 1], pa.int64()),
    }
)
for codec in ["snappy", "gzip", "zstd", "brotli", "none"]:
    pq.write_table(mmlu, f"{FOLDER}mmlu-{codec}.parquet", compression=codec)

targets = pa.struct([("choices", pa.list_(pa.string())), ("labels", pa.list_(pa.int32()))])
answers = {"choices": ["No, cats meow", "Yes, at night", "Only large ones"], "labels": [1, 0, 0]}
pq.write_table(
    pa.table({"question": ["Do cats bark?"], "mc1_targets": pa.array([answers], targets)}),
    f"{FOLDER}truthfulqa.parquet",
)

kwargs = pa.list_(pa.struct([("num_words", pa.int64()), ("relation", pa.string())]))
given = [[{"num_words": None, "relation": None}, {"num_words": 30, "relation": "less than"}]]
pq.write_table(
    pa.table(
        {
            "prompt": ["Name three trees without a comma."],
            "instruction_id_list": [["punctuation:no_comma", "length_constraints:number_words"]],
            "kwargs": pa.array(given, kwargs),
        }
    ),
    f"{FOLDER}ifeval.parquet",
)
