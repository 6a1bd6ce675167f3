"""What pyupbit sees of a stand-in venue: trades over its socket, and quotations over REST.

Usage: pyupbit_client.py WEBSOCKET_URL REST_URL COUNT
Prints one JSON object, with the ids it was sent.
"""

import asyncio
import json
import queue
import sys

import pyupbit
import pyupbit.websocket_api as websocket_api
import requests

socket_url, rest_url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])

# pyupbit has its host built in. Both places are redirected here, once each.
real_connect = websocket_api.websockets.connect
websocket_api.websockets.connect = lambda uri, **options: real_connect(socket_url, **options)
real_get = requests.get
requests.get = lambda url, **options: real_get(
    url.replace("https://api.upbit.com", rest_url), **options
)


class Client(websocket_api.WebSocketClient):
    """Its own loop, started when it is asked to and not when it is made."""

    def run(self):
        pass


async def trades():
    received = queue.Queue()
    client = Client("trade", ["KRW-BTC"], queue=received)
    task = asyncio.ensure_future(client.connect_socket())
    ids = []
    while len(ids) < count:
        if task.done():
            task.result()
        while not received.empty():
            event = received.get()
            if isinstance(event, str):
                raise SystemExit(event)
            ids.append(event["sequential_id"])
        await asyncio.sleep(0.01)
    task.cancel()
    return ids


ids = asyncio.run(asyncio.wait_for(trades(), 40))
print(
    json.dumps(
        {
            "ids": ids,
            "markets": pyupbit.get_tickers(fiat="KRW"),
            "price": pyupbit.get_current_price("KRW-BTC"),
            "bars": len(pyupbit.get_ohlcv("KRW-BTC", interval="minute1", count=2)),
            "levels": len(pyupbit.get_orderbook("KRW-BTC")["orderbook_units"]),
        }
    )
)
