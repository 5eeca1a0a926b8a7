"""A file that a stranger sent must not make the decoder open other files or talk to hosts."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import av
import pytest
from made_media import tone, write_media

from deployments.engines import pyav
from deployments.engines.pyav import PyAvDecoder
from serve_app.errors import InvalidRequest


@pytest.fixture
def other(tmp_path) -> Path:
    """Somebody else's recording on the same disk."""
    return write_media(tmp_path / "secret.ts", tone(2.0, rate_hz=48_000), codec="mp2", rate_hz=48_000)


@pytest.fixture
def server(other):
    """A host that delivers the recording and remembers who asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(other.read_bytes())

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/secret.ts", asked
        httpd.shutdown()
        thread.join()


def playlists(target: str) -> dict[str, str]:
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2.0,\n{target}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" mediaPresentationDuration="PT2S"><Period>'
        f'<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "smil": f'<smil><body><audio src="{target}"/></body></smil>',
    }


@pytest.mark.parametrize("kind", ["hls", "concat", "dash", "sdp", "smil"])
@pytest.mark.parametrize("name", ["speech.wav", "speech.m3u8", "speech.ts"])
def test_a_playlist_opens_no_other_file(tmp_path, other, kind, name):
    for target in (
        str(other),
        other.name,
        f"file://{other}",
        f"concat:{other}|{other}",
        f"subfile:,,start,0,end,0,,:{other}",
    ):
        path = tmp_path / name
        path.write_text(playlists(target)[kind])
        with pytest.raises(InvalidRequest):
            list(PyAvDecoder().decode(path))


@pytest.mark.parametrize("kind", ["hls", "concat", "dash", "sdp", "smil"])
def test_a_playlist_reaches_no_host(tmp_path, server, kind):
    url, asked = server
    path = tmp_path / "speech.wav"
    path.write_text(playlists(url)[kind])
    with pytest.raises(InvalidRequest):
        list(PyAvDecoder().decode(path))
    assert asked == []


def test_ffmpeg_left_to_itself_would_follow_the_playlist(tmp_path, other):
    """The guard against these tests proving nothing."""
    path = tmp_path / "speech.m3u8"
    path.write_text(playlists(other.name)["hls"])
    with av.open(str(path)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) > 48_000


@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_the_ban_on_opening_files_holds_without_the_list_of_formats(tmp_path, other, monkeypatch, kind):
    monkeypatch.setattr(pyav, "ALLOWED_FORMATS", pyav.ALLOWED_FORMATS + ",hls,concat,mpegts")
    path = tmp_path / "speech.m3u8"
    path.write_text(playlists(other.name if kind == "hls" else str(other))[kind])
    with pytest.raises(InvalidRequest):
        list(PyAvDecoder().decode(path))
