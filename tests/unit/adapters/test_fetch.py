"""A file is fetched whole or not at all: sizes, times, answers and secrets."""

import asyncio
import logging

import pytest
from fetching import MEDIA, local_fetcher, refused, response
from local_http import Asked, serving

from serve_app.errors import FileTooLarge


async def test_a_file_arrives_whole_under_the_name_in_its_url(tmp_path):
    async with serving({"/audio/Team%20call.mp3": response()}) as server:
        url = f"http://127.0.0.1:{server.port}/audio/Team%20call.mp3?token=secret"
        name = await local_fetcher().fetch(url, to_path=str(tmp_path / "x"), max_bytes=len(MEDIA))
    assert name == "Team call.mp3"
    assert (tmp_path / "x").read_bytes() == MEDIA


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="weekly.wav"', "weekly.wav"),
        ("attachment; filename=weekly.wav", "weekly.wav"),
        ("attachment; filename=\"x.wav\"; filename*=UTF-8''%D1%81%D0%BB%D0%BE%D0%B2%D0%BE.wav", "слово.wav"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="..\\\\..\\\\x.wav"', "x.wav"),
        ('attachment; filename=""', "download"),
        ("inline", "a"),
    ],
)
async def test_the_server_may_name_the_file_but_not_a_folder(tmp_path, disposition, name):
    async with serving({"/a": response(Content_Disposition=disposition)}) as server:
        fetcher = local_fetcher()
        url = f"http://127.0.0.1:{server.port}/a"
        assert await fetcher.fetch(url, to_path=str(tmp_path / "x"), max_bytes=1 << 20) == name


# Size and time


async def test_a_file_that_announces_too_many_bytes_is_refused_at_once(tmp_path):
    async with serving({"/a": response()}) as server:
        url = f"http://127.0.0.1:{server.port}/a"
        with pytest.raises(FileTooLarge) as caught:
            await local_fetcher().fetch(url, to_path=str(tmp_path / "x"), max_bytes=len(MEDIA) - 1)
    assert caught.value.details == {"limit": len(MEDIA) - 1}
    assert not (tmp_path / "x").exists()


async def test_a_file_without_an_announced_length_is_cut_off_at_the_limit(tmp_path):
    sent = 0

    async def endless(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(response(b"", length=False))
        while True:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()

    async with serving({"/a": endless}) as server:
        url = f"http://127.0.0.1:{server.port}/a"
        with pytest.raises(FileTooLarge):
            await local_fetcher().fetch(url, to_path=str(tmp_path / "x"), max_bytes=1 << 20)
    assert sent < 64 << 20
    assert not (tmp_path / "x").exists()


async def test_a_server_that_trickles_is_given_up_after_the_total_time(tmp_path):
    async def trickle(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"", length=False))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving({"/a": trickle}) as server:
        fetcher = local_fetcher(total_timeout_s=0.3)
        await refused(fetcher, f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "within 0.3 s")


async def test_a_server_that_says_nothing_is_given_up(tmp_path):
    async def silent(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with serving({"/a": silent}) as server:
        fetcher = local_fetcher(read_timeout_s=0.2)
        await refused(fetcher, f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "did not answer")


async def test_a_connection_that_breaks_leaves_no_file(tmp_path):
    async with serving({"/a": response()[:-100]}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "did not deliver")


# Answers


@pytest.mark.parametrize(
    "status", ["404 Not Found", "403 Forbidden", "500 Internal Server Error", "206 Partial Content"]
)
async def test_the_servers_refusal_is_named(tmp_path, status):
    async with serving({"/a": response(b"", status)}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", f"answered {status}")


async def test_a_web_page_is_not_mistaken_for_media(tmp_path):
    async with serving({"/a": response(b"<html>", Content_Type="text/html; charset=utf-8")}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "web page")


async def test_a_compressed_answer_is_refused_rather_than_inflated(tmp_path):
    async with serving({"/a": response(b"\x1f\x8b", Content_Encoding="gzip")}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "compressed")


async def test_what_is_no_http_is_told(tmp_path):
    async with serving({"/a": b"SSH-2.0-OpenSSH_9.2\r\n"}) as server:
        await refused(local_fetcher(), f"http://127.0.0.1:{server.port}/a", tmp_path / "x", "did not answer")


# Secrets


async def test_neither_logs_nor_errors_carry_the_query(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    async with serving({"/a": response()}) as server:
        fetcher = local_fetcher()
        url = f"http://127.0.0.1:{server.port}/a?signature=hunter2"
        await fetcher.fetch(url, to_path=str(tmp_path / "x"), max_bytes=1 << 20)
        missing = url.replace("/a?", "/missing?")
        error = await refused(fetcher, missing, tmp_path / "y", "404")
    assert "hunter2" not in caplog.text
    assert "hunter2" not in error.message + str(error.details)
