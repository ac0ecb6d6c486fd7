"""In: a folder of make_model.py, and a port or 0. Out: a llama.cpp server, its URL on standard output, until standard input ends."""

import sys
from pathlib import Path

import xllamacpp

folder = Path(sys.argv[1])
params = xllamacpp.CommonParams()
params.model.path = str(folder / "text.gguf")
params.mmproj.path = str(folder / "vision.gguf")
params.model_alias = {"tiny-vl"}
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[2])
params.n_ctx = 65536
params.n_parallel = 2
params.use_jinja = True
# Threads that wait for each other spin, which is slow where servers share the cores.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
# As exact as it gets: the log-probabilities are compared.
params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
params.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_F32
params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
