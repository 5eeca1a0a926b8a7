from deployments.engines.openvino_worker import batch_tokens


def test_a_cpu_without_integer_dot_products_computes_smaller_steps() -> None:
    assert batch_tokens({"avx2", "fma"}) < batch_tokens({"avx2", "avx512_vnni"})
    assert batch_tokens({"asimd"}) < batch_tokens({"asimd", "asimddp"})
