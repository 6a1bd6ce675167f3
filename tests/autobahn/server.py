"""The fuzzing server of the Autobahn test suite, bound to this machine alone (Python 2.7).

The suite itself listens on every interface, and offers no choice.
"""
from autobahntestsuite import wstest
from twisted.internet import reactor

listen = reactor.listenTCP


def listen_here(port, factory, backlog=50, interface=""):
    return listen(port, factory, backlog, "127.0.0.1")


reactor.listenTCP = listen_here
wstest.run()
