"""OpenVINO GenAI's continuous batching behind just enough HTTP for the load generator.

Run: python openvino_server.py MODEL.gguf PORT THREADS
Answers POST /v1/completions with stream, one server-sent event per token, and GET /health.
"""

import http.server
import json
import queue
import sys
import threading

import openvino_genai as genai

IDLE_WAIT_S = 0.05
REQUEST_TIMEOUT_S = 300


class Batcher(threading.Thread):
    """The only thread that touches the pipeline: takes requests, steps, hands tokens to their queues."""

    def __init__(self, model, threads):
        super().__init__(daemon=True)
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = 2
        scheduler.max_num_seqs = 64
        scheduler.max_num_batched_tokens = 512
        scheduler.dynamic_split_fuse = True
        scheduler.enable_prefix_caching = False
        self.pipeline = genai.ContinuousBatchingPipeline(
            model, scheduler_config=scheduler, device="CPU", properties={"INFERENCE_NUM_THREADS": threads}
        )
        self.tokenizer = self.pipeline.get_tokenizer()
        self.waiting = queue.Queue(maxsize=1024)
        self.running = []
        self.next_id = 0

    def run(self):
        while True:
            self.admit()
            if not self.running:
                continue
            self.pipeline.step()
            still = []
            for handle, tokens in self.running:
                while handle.can_read():
                    for output in handle.read().values():
                        for token in output.generated_ids:
                            tokens.put(token)
                if handle.get_status() == genai.GenerationStatus.RUNNING:
                    still.append((handle, tokens))
                else:
                    tokens.put(None)
            self.running = still

    def admit(self):
        try:
            first = self.waiting.get(timeout=0 if self.running else IDLE_WAIT_S)
        except queue.Empty:
            return
        items = [first]
        while not self.waiting.empty():
            items.append(self.waiting.get_nowait())
        for ids, max_tokens, tokens in items:
            config = genai.GenerationConfig()
            config.max_new_tokens = max_tokens
            config.ignore_eos = True
            config.do_sample = False
            config.apply_chat_template = False
            self.running.append((self.pipeline.add_request(self.next_id, ids, config), tokens))
            self.next_id += 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(b"{}")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        batcher = self.server.batcher
        ids = batcher.tokenizer.encode(body["prompt"], add_special_tokens=False).input_ids
        tokens = queue.Queue()
        batcher.waiting.put((ids, body["max_tokens"], tokens), timeout=REQUEST_TIMEOUT_S)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        count = 0
        while (token := tokens.get(timeout=REQUEST_TIMEOUT_S)) is not None:
            count += 1
            # An empty piece would not be counted as a token by the client.
            self.event({"choices": [{"index": 0, "text": batcher.tokenizer.decode([token]) or " "}]})
        usage = {"prompt_tokens": ids.shape[1], "completion_tokens": count}
        self.event({"choices": [], "usage": usage})
        self.chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, value):
        self.chunk(b"data: " + json.dumps(value).encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def reply(self, data):
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main():
    model, port, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    server = Server(("127.0.0.1", port), Handler)
    server.batcher = Batcher(model, threads)
    server.batcher.start()
    print("ready", flush=True)
    server.serve_forever()


main()
