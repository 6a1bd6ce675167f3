"""What ccxt sees of a stand-in venue: trades over its socket (ccxt.pro) and over REST.

Usage: ccxt_client.py WEBSOCKET_URL REST_URL COUNT
Prints one JSON object, with the ids it was sent and those that it fetched.
"""

import asyncio
import json
import sys

import ccxt.pro

socket_url, rest_url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


async def see():
    exchange = ccxt.pro.upbit()
    for name in exchange.urls["api"]:
        exchange.urls["api"][name] = socket_url if name == "ws" else rest_url
    try:
        ids = []
        while len(set(ids)) < count:
            trades = await exchange.watch_trades("BTC/KRW")
            ids.extend(int(trade["id"]) for trade in trades)
        fetched = await exchange.fetch_trades("BTC/KRW", limit=200)
        return {
            "ids": ids,
            "fetched": [int(trade["id"]) for trade in fetched],
            "markets": [market["id"] for market in exchange.markets.values()],
            "price": (await exchange.fetch_ticker("BTC/KRW"))["last"],
            "bars": len(await exchange.fetch_ohlcv("BTC/KRW", "1m", limit=2)),
            "levels": len((await exchange.fetch_order_book("BTC/KRW"))["bids"]),
        }
    finally:
        await exchange.close()


print(json.dumps(asyncio.run(asyncio.wait_for(see(), 40))))
