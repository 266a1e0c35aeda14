"""A life of one thing, by Hetzner's own client: python hcloud.py BASE_URL SERVICE"""
import json
import signal
import sys

sys.path = [path for path in sys.path if not path.endswith("clients")]

from hcloud import APIException, Client
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType

SECONDS_MAX = 60
signal.alarm(SECONDS_MAX)
base, service = sys.argv[1:]
client = Client(token="test-secret", api_endpoint=base)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEChAs31OuF0HBUpnVcHYRSIzjG8mqDFLVhZ3oIqBd deploy@shop"
LIVES = {
    "hetzner-ssh-key": (client.ssh_keys, lambda: client.ssh_keys.create(name="deploy", public_key=KEY)),
    "hetzner-firewall": (client.firewalls, lambda: client.firewalls.create(name="web").firewall),
    "hetzner-volume": (
        client.volumes,
        lambda: client.volumes.create(size=40, name="data", location=Location(name="fsn1"), format="ext4").volume,
    ),
    "hetzner-server": (
        client.servers,
        lambda: client.servers.create(
            name="web-1", server_type=ServerType(name="cx23"), image=Image(name="debian-13"), location=Location(name="fsn1")
        ).server,
    ),
}


def status_of(work):
    try:
        work()
        return 200
    except APIException as error:
        return error.code


things, create = LIVES[service]
made = create()
seen = {
    "made": made.name,
    "read": things.get_by_id(made.id).name,
    "listed": [one.name for one in things.get_all()],
    "again": status_of(create),
    "changed": things.update(made, labels={"team": "shop"}).name,
}
things.delete(made)
seen["left"] = len(things.get_all())
seen["gone"] = status_of(lambda: things.get_by_id(made.id))
print(json.dumps(seen))
