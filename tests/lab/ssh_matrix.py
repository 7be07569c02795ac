#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays logins of real SSH over one cable, and judges what the agent says of them.

usage: LAB=NAME ssh_matrix.py up DIR
                              run DIR a|b|full
                              judge DIR EVENTS [MARKDOWN]
                              break DIR CAPTURE OUT
                              down DIR

up      makes two namespaces, $LAB-client and $LAB-server, joined by a veth called `cable` on both
        sides, and starts the servers. DIR/fabric is an inventory of them for the agent.
run     plays a half of the small matrix, or all of the full one. Each run has a source address
        of its own. Afterwards DIR/truth.json has what was played and, from the logs of server and
        client, how it ended and after how many attempts.
judge   holds flow.end documents against the truth, prints verdicts (ok, not ok) and, to MARKDOWN,
        the table of docs/ssh-login.md. What must hold is at LIMITS.
break   copies a capture without one of the server's answers in each connection.
down    removes all of it.

The servers run in a mount namespace with private copies of /etc/passwd, /etc/shadow and
/etc/pam.d/sshd, so that a test user with a password exists for them alone. GW_SSH_ROOTS may name
folders with other systems in them (debootstrap's), whose sshd is then played against too.
"""
import collections
import concurrent.futures
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

LAB = os.environ.get("LAB", "gwssh")
CLIENT, SERVER = LAB + "-client", LAB + "-server"
SERVER_IP = "10.199.255.1"
RIGHT, WRONG = "correct horse", "battery staple"

# Kinds of server, and what their configuration has besides the common part. Ports count from 2201.
NO_PAM = "UsePAM no\nChallengeResponseAuthentication no\n"
KINDS = {
    "plain": NO_PAM + "PasswordAuthentication yes\n",
    "pam": "UsePAM yes\nPasswordAuthentication yes\nChallengeResponseAuthentication yes\n"
           "Banner {dir}/banner\n",
    "keys": NO_PAM + "PasswordAuthentication no\n",
    "grace": NO_PAM + "PasswordAuthentication yes\nLoginGraceTime 3\n",
    "both": NO_PAM + "PasswordAuthentication yes\nAuthenticationMethods publickey,password\n",
    "banner": NO_PAM + "PasswordAuthentication yes\nBanner {dir}/banner\nMaxAuthTries 20\n",
    "kbd": "UsePAM yes\nPasswordAuthentication no\nChallengeResponseAuthentication yes\n",
}
PORT = {kind: 2201 + i for i, kind in enumerate(KINDS)}
DROPBEAR_PORT = 2208
ROOTS = [r for r in os.environ.get("GW_SSH_ROOTS", "").split(":") if r]


def address_of(root):
    """Where the servers of a system are; root "" is this one."""
    return "10.199.254.%d" % (1 + ROOTS.index(root)) if root else SERVER_IP


# Class, cipher, MAC (None: the cipher has its own).
CIPHERS = [
    ("chacha20", "chacha20-poly1305@openssh.com", None),
    ("gcm", "aes128-gcm@openssh.com", None),
    ("gcm", "aes256-gcm@openssh.com", None),
    ("ctr etm", "aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("ctr etm", "aes256-ctr", "hmac-sha2-512-etm@openssh.com"),
    ("ctr etm", "aes128-ctr", "umac-64-etm@openssh.com"),
    ("ctr etm", "aes256-ctr", "umac-128-etm@openssh.com"),
    ("ctr etm", "aes192-ctr", "hmac-sha1-etm@openssh.com"),
    ("ctr", "aes128-ctr", "hmac-sha2-256"),
    ("ctr", "aes256-ctr", "hmac-sha2-512"),
    ("ctr", "aes128-ctr", "hmac-sha1"),
    ("ctr", "aes256-ctr", "umac-64@openssh.com"),
    ("ctr", "aes128-ctr", "umac-128@openssh.com"),
    ("cbc", "aes128-cbc", "hmac-sha1"),
    ("cbc etm", "3des-cbc", "hmac-sha2-256-etm@openssh.com"),
]
ONE_EACH = [CIPHERS[0], CIPHERS[1], CIPHERS[3], CIPHERS[8]]

ASKPASS = """#!/bin/bash
# Answers with the next line of the run's list of answers; without one the client is ended.
n=$(cat "$GW_RUN/asked" 2>/dev/null || echo 0)
echo $((n + 1)) >"$GW_RUN/asked"
answer=$(sed -n "$((n + 1))p" "$GW_RUN/answers")
[ "$((n + 1))" -le "$(wc -l <"$GW_RUN/answers")" ] || kill -9 "$PPID"
case $answer in
sleep*) sleep "${answer#sleep }"; answer=$(sed -n "$((n + 2))p" "$GW_RUN/answers")
	echo $((n + 2)) >"$GW_RUN/asked" ;;
kill) kill -9 "$PPID"; exit 1 ;;
cancel) exit 1 ;;
esac
printf '%s\\n' "$answer"
"""


def sh(*args, **more):
    return subprocess.run(args, check=True, **more)


def netns(space, *args):
    return ["ip", "netns", "exec", space, *args]


# ---- the place -------------------------------------------------------------------------

def write(path, text, mode=0o644):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def keys(d):
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", d + "/hostkey")
    sh("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", d + "/hostkey_rsa")
    for name, kind, phrase in (("ed25519", "ed25519", ""), ("rsa", "rsa", ""),
                               ("ecdsa", "ecdsa", ""), ("phrase", "ed25519", RIGHT),
                               *(("wrong%d" % i, "ed25519", "") for i in range(1, 7)),
                               ("wrongrsa", "rsa", "")):
        sh("ssh-keygen", "-q", "-t", kind, "-N", phrase, "-C", "k", "-f", d + "/" + name)
    if shutil.which("dropbearkey"):
        sh("dropbearkey", "-t", "ed25519", "-f", d + "/hostkey_dropbear",
           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(d + "/authorized", "w") as out:
        for name in ("ed25519", "rsa", "ecdsa", "phrase"):
            with open(d + "/" + name + ".pub") as f:
                out.write(f.read())


def accounts(d):
    crypt = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=RIGHT, text=True,
                           capture_output=True, check=True).stdout.strip()
    os.makedirs(d + "/home/.ssh", 0o700)
    shutil.copy(d + "/authorized", d + "/home/.ssh/authorized_keys")
    for path in ("/home", "/home/.ssh", "/home/.ssh/authorized_keys"):
        os.chown(d + path, 12345, 12345)
    os.chmod(d + "/home", 0o755)
    for source, line in (("passwd", "%s:x:12345:12345::" + d + "/home:/bin/bash\n"),
                         ("shadow", "%s:" + crypt + ":19000:0:99999:7:::\n"),
                         ("group", "%s:x:12345:\n")):
        with open("/etc/" + source) as f:
            text = f.read()
        write(d + "/" + source, text + "".join(line % u for u in USERS),
              0o600 if source == "shadow" else 0o644)
    write(d + "/pam", "auth required pam_unix.so nodelay\naccount required pam_permit.so\n"
                      "session required pam_permit.so\n")


USERS = ("op", "an-operator-of-the-fabric")


def server_config(d, root, kind):
    address, log = address_of(root), "%s/%s-%s" % (d, os.path.basename(root), kind)
    write(log + ".conf", (
        "Port %d\nListenAddress %s\nHostKey %s/hostkey\nHostKey %s/hostkey_rsa\n"
        "PidFile %s.pid\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUseDNS no\n"
        "PrintMotd no\nPrintLastLog no\nMaxStartups 100\nPermitUserRC no\nLogLevel VERBOSE\n"
        "Subsystem sftp internal-sftp\nAllowTcpForwarding yes\n"
        "Ciphers +3des-cbc,aes128-cbc\nMACs +hmac-sha1,hmac-sha1-etm@openssh.com\n"
        % (PORT[kind], address, d, d, log, d)) + KINDS[kind].replace("{dir}", d))
    return log


def start_servers(d, root):
    script = """
        root=$1 d=$2
        shift 2
        for f in passwd shadow group; do mount --bind "$d/$f" "$root/etc/$f" || exit 1; done
        mount --bind "$d/pam" "$root/etc/pam.d/sshd" || exit 1
        for m in /run /var/log; do mount -t tmpfs -o mode=755 tmpfs "$root$m" || exit 1; done
        mkdir "$root/run/sshd"
        if [ -n "$root" ]; then
            mkdir -p "$root$d" && mount --bind "$d" "$root$d" && mount --rbind /dev "$root/dev" &&
                mount -t proc proc "$root/proc" || exit 1
            inside="chroot $root"
        elif command -v dropbear >/dev/null; then
            dropbear -F -E -w -p %s:%d -r "$d/hostkey_dropbear" -P /run/dropbear.pid \\
                </dev/null >"$d/dropbear.log" 2>&1 &
        fi
        for log; do
            $inside /usr/sbin/sshd -f "$log.conf" -E "$log.log" || exit 1
        done""" % (SERVER_IP, DROPBEAR_PORT)
    logs = [server_config(d, root, kind) for kind in KINDS]
    sh(*netns(SERVER, "unshare", "--mount", "bash", "-c", script, "servers", root, d, *logs))


def inventory(d):
    os.mkdir(d + "/fabric")
    for root in ["", *ROOTS]:
        name = "lab2-" + (os.path.basename(root) or "AR-CE1")
        write("%s/fabric/%s.cfg" % (d, name),
              "hostname %s\n!\ninterface Management1\n   vrf MGMT\n   ip address %s/32\n!\n"
              "ip prefix-list trusted_sources\n   seq 10 permit 10.199.0.0/17\n!\nend\n"
              % (name, address_of(root)))


def up(d):
    os.chmod(d, 0o755)
    keys(d)
    accounts(d)
    write(d + "/banner", "Authorised operators of the fabric only. Everything is recorded.\n" * 3)
    write(d + "/askpass", ASKPASS, 0o755)
    for space in (CLIENT, SERVER):
        sh("ip", "netns", "add", space)
    sh("ip", "link", "add", "cable", "netns", CLIENT, "type", "veth", "peer", "name", "cable",
       "netns", SERVER)
    for space, address in ((CLIENT, "10.199.255.2/30"), (SERVER, SERVER_IP + "/30")):
        sh("ip", "-n", space, "addr", "add", address, "dev", "cable")
        sh("ip", "-n", space, "link", "set", "lo", "up")
        sh("ip", "-n", space, "link", "set", "cable", "up")
    # any address of this network may be a source, without being configured one by one
    sh("ip", "-n", CLIENT, "route", "add", "local", "10.199.0.0/17", "dev", "lo")
    sh("ip", "-n", SERVER, "route", "add", "10.199.0.0/17", "via", "10.199.255.2")
    for i in range(len(ROOTS)):
        sh("ip", "-n", SERVER, "addr", "add", "10.199.254.%d/32" % (1 + i), "dev", "lo")
    sh("ip", "-n", CLIENT, "route", "add", "10.199.254.0/24", "via", SERVER_IP)
    inventory(d)
    for root in ["", *ROOTS]:
        start_servers(d, root)


def down(d):
    for space in (CLIENT, SERVER):
        pids = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True)
        for pid in pids.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "del", space], stderr=subprocess.DEVNULL, check=False)


# ---- the runs --------------------------------------------------------------------------

def run(name, cipher, server="plain", user="op", answers=(), keyfiles=(), command=("true",),
        options=(), tool="ssh"):
    return {"name": name, "class": cipher[0], "cipher": cipher[1], "mac": cipher[2] or "",
            "server": server, "root": "", "user": user, "answers": list(answers),
            "keys": list(keyfiles), "command": list(command), "options": list(options),
            "tool": tool}


def password(c, failures, success, **more):
    answers = [WRONG] * failures + ([RIGHT] if success else [])
    return run("password, %d wrong%s" % (failures, ", then right" if success else ""), c,
               answers=answers, **more)


def publickey(c, failures, success, right="ed25519", **more):
    wrong = ["wrong%d" % (i + 1) for i in range(failures)]
    return run("%d keys refused%s" % (failures, ", then %s" % right if success else ""), c,
               keyfiles=wrong + ([right] if success else []), **more)


def interactive(c, failures, success, **more):
    more.setdefault("server", "pam")
    more["options"] = ["PreferredAuthentications=keyboard-interactive"]
    r = password(c, failures, success, **more)
    r["name"] = "keyboard-interactive" + r["name"][8:]
    return r


def specials(c):
    yield run("banner, password", c, "banner", answers=[RIGHT])
    yield run("banner, wrong password, right", c, "banner", answers=[WRONG, RIGHT])
    yield run("banner, key", c, "banner", keyfiles=["ed25519"])
    yield run("banner, wrong key, key", c, "banner", keyfiles=["wrong1", "ed25519"])
    yield run("banner, all wrong", c, "banner", answers=[WRONG] * 3)
    yield run("slow touch", c, keyfiles=["phrase"], answers=["sleep 1.5", RIGHT])
    yield run("slow password", c, answers=["sleep 1.5", WRONG, "sleep 1", RIGHT])
    yield run("rsa key", c, keyfiles=["rsa"])
    yield run("ecdsa key", c, keyfiles=["wrongrsa", "ecdsa"])
    yield run("forwarding -L", c, keyfiles=["ed25519"], tool="forward")
    yield run("-N, stopped", c, keyfiles=["ed25519"], tool="idle")
    yield run("jump -J", c, keyfiles=["ed25519"], tool="jump")
    yield run("scp", c, keyfiles=["ed25519"], tool="scp")
    yield run("sftp", c, answers=[RIGHT], tool="sftp")
    yield run("tty", c, answers=[RIGHT], tool="tty")
    yield run("no command output", c, keyfiles=["ed25519"], command=["true"])
    yield run("exec, exit 3", c, keyfiles=["ed25519"], command=["exit 3"])
    yield run("exec, much output", c, keyfiles=["ed25519"],
              command=["head -c 300000 /dev/zero"])
    yield run("unknown user, password", c, user="nobody-here", answers=[WRONG] * 3)
    yield run("unknown user, keys", c, "keys", user="nobody-here", keyfiles=["ed25519"])
    yield run("long user name", c, user=USERS[1], answers=[WRONG, RIGHT])
    yield run("keys only, refused", c, "keys", keyfiles=["wrong1", "wrong2"])
    yield run("keys only, accepted", c, "keys", keyfiles=["wrong1", "ed25519"])
    yield run("empty password", c, answers=["", RIGHT])
    yield run("no method left", c, "keys", answers=[WRONG])
    yield run("client gives up", c, answers=[WRONG, "cancel"])
    yield run("client is killed", c, answers=["kill"])
    yield run("client is killed later", c, answers=[WRONG, WRONG, "kill"])
    yield run("login grace time", c, "grace", answers=["sleep 6", RIGHT])
    yield run("login grace time, later", c, "grace", answers=[WRONG, "sleep 6", RIGHT])
    yield run("key and password", c, "both", keyfiles=["ed25519"], answers=[RIGHT])
    yield run("key, then wrong password", c, "both", keyfiles=["ed25519"],
              answers=[WRONG] * 3)
    yield run("wrong keys, then right password", c, keyfiles=["wrong1", "wrong2"],
              answers=[RIGHT])
    yield run("six keys offered, none fits", c, keyfiles=["wrong%d" % i for i in range(1, 7)])
    yield run("rekey soon after login", c, keyfiles=["ed25519"],
              command=["head -c 600000 /dev/zero"], options=["RekeyLimit=64K"])
    yield run("delayed compression", c, answers=[WRONG, RIGHT], options=["Compression=yes"])
    yield run("twelve passwords", c, "banner", answers=[WRONG] * 11 + [RIGHT])
    for n in range(3):
        yield interactive(c, n, True, server="kbd")
    yield interactive(c, 3, False, server="kbd")
    yield interactive(c, 2, True, server="kbd", user=USERS[1])
    yield run("keys refused, then keyboard-interactive", c, "kbd", keyfiles=["wrong1"],
              answers=[WRONG, RIGHT])
    yield interactive(c, 0, True)
    yield interactive(c, 1, True)
    yield interactive(c, 2, True)
    yield interactive(c, 3, False)


def other_servers(c):
    for more in ({"answers": [RIGHT]}, {"answers": [WRONG, RIGHT]}, {"answers": [WRONG] * 3},
                 {"keyfiles": ["ed25519"]}, {"keyfiles": ["wrong1", "wrong2", "ed25519"]},
                 {"keyfiles": ["wrong1"]}, {"keyfiles": ["rsa"]}, {"answers": ["kill"]}):
        yield run("dropbear", c, "dropbear", **more)


def other_clients(c):
    for answer in (RIGHT, WRONG):
        yield run("dbclient", c, tool="dbclient", answers=[answer])
    yield run("paramiko", c, tool="paramiko", answers=[RIGHT])
    yield run("paramiko", c, tool="paramiko", answers=[WRONG])
    yield run("paramiko, key", c, tool="paramiko", keyfiles=["ed25519"])


def ordinary(c):
    for n in range(6):
        yield password(c, n, True)
        yield publickey(c, n, True)
    yield password(c, 3, False)
    yield password(c, 6, False)
    yield publickey(c, 3, False)


def matrix(size):
    full = size == "full"
    runs = []
    for c in CIPHERS if full else ONE_EACH:
        runs.extend(ordinary(c))
    for c in ONE_EACH + ([CIPHERS[2], CIPHERS[5], CIPHERS[11], CIPHERS[13]] if full else []):
        runs.extend(specials(c))
    if shutil.which("dropbear"):
        for c in (CIPHERS[0], CIPHERS[8]):
            runs.extend(other_servers(c))
    if full and shutil.which("dbclient"):
        runs.extend(r for c in (CIPHERS[0], CIPHERS[8]) for r in other_clients(c))
    if not full: # each cipher gives every second of its runs to a half
        odd = size == "b"
        count = collections.Counter()
        half = []
        for r in runs:
            count[r["class"]] += 1
            if (count[r["class"]] + CLASS_NUMBER[r["class"]]) % 2 == odd:
                half.append(r)
        runs = half
    for root in ROOTS:
        for c in ONE_EACH:
            runs.extend(dict(r, root=root) for f in (ordinary, specials) for r in f(c))
    for i, r in enumerate(runs):
        r["source"] = "10.199.%d.%d" % ((1 if size != "b" else 100) + i // 200, 1 + i % 200)
    return runs


CLASS_NUMBER = {"chacha20": 0, "gcm": 1, "ctr etm": 0, "ctr": 1}


def play(d, i, r):
    own = "%s/%s" % (d, r["source"])
    to, port = address_of(r["root"]), PORT.get(r["server"], DROPBEAR_PORT)
    os.mkdir(own)
    write(own + "/answers", "".join(a + "\n" for a in r["answers"]))
    prompts = [x for x in r["answers"] if not x.startswith("sleep")]
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
               "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes",
               "IdentityFile=none" if not r["keys"] else "PubkeyAuthentication=yes",
               "BindAddress=" + r["source"],
               "NumberOfPasswordPrompts=%d" % max(1, len(prompts)),
               "PasswordAuthentication=" + ("yes" if prompts else "no"), "LogLevel=DEBUG",
               "Ciphers=" + r["cipher"], "User=" + r["user"], "ForwardX11=no",
               "ControlMaster=no", "ControlPath=none", "ConnectTimeout=60"]
    if r["mac"]:
        options.append("MACs=" + r["mac"])
    options += r["options"]
    options += ["IdentityFile=%s/%s" % (d, k) for k in r["keys"]]
    write(own + "/config", "Host *\n" + "".join(" " + o.replace("=", " ", 1) + "\n"
                                                  for o in options) +
          "Host target\n HostName %s\n Port %d\n" % (to, port))
    config = ["-F", own + "/config"]
    argv = {
        "ssh": ["ssh", *config, "target", *r["command"]],
        "tty": ["ssh", "-tt", *config, "target", "echo there; exit"],
        "forward": ["ssh", "-L", "127.0.0.1:%d:%s:%d" % (30000 + i, to, PORT["keys"]),
                    *config, "target", "sleep 1"],
        "idle": ["timeout", "2", "ssh", "-N", *config, "target"],
        "jump": ["ssh", *config, "-J", "target",
                 "%s@%s" % (r["user"], to), "-p", str(PORT["keys"]), "true"],
        "scp": ["scp", *config, "/etc/services", "target:copy%d" % i],
        "dbclient": ["dbclient", "-y", "-y", "-b", r["source"], "-c", r["cipher"],
                     *(["-m", r["mac"]] if r["mac"] else []), "-p", str(port),
                     "%s@%s" % (r["user"], to), "true"],
        "paramiko": [sys.executable, "-c", PARAMIKO, r["source"], to, str(port), r["user"],
                     (r["answers"] or [""])[0], *("%s/%s" % (d, k) for k in r["keys"])],
        "sftp": ["sftp", *config, "target:/etc/hostname", own + "/got"],
    }[r["tool"]]
    env = dict(os.environ, SSH_ASKPASS=d + "/askpass", SSH_ASKPASS_REQUIRE="force", GW_RUN=own,
               HOME=own, DISPLAY="none:0", DROPBEAR_PASSWORD="".join(r["answers"][:1]))
    env.pop("SSH_AUTH_SOCK", None)
    with open(own + "/out", "w") as out:
        done = subprocess.run(netns(CLIENT, *argv), stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, env=env, timeout=300, check=False)
    return done.returncode


PARAMIKO = """
import socket, sys, paramiko
source, to, port, user, password = sys.argv[1:6]
s = socket.create_connection((to, int(port)), source_address=(source, 0))
c = paramiko.SSHClient()
c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
try:
    c.connect(to, int(port), user, password or None, sock=s, look_for_keys=False,
              allow_agent=False, key_filename=sys.argv[6] if len(sys.argv) > 6 else None)
    c.exec_command("true")[1].read()
except paramiko.AuthenticationException:
    sys.exit(255)
c.close()
"""


def run_all(d, size):
    runs = matrix(size)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("GW_PARALLEL", "6"))) as pool:
        for r, code in zip(runs, pool.map(lambda x: play(d, *x), enumerate(runs))):
            r["exit"] = code
    write(d + "/truth.json", json.dumps(truth(d, runs), indent=0))
    print("%d runs in %.0f s" % (len(runs), time.monotonic() - began))


# ---- the truth -------------------------------------------------------------------------

SSHD = re.compile(r"^(?:(Accepted|Failed|Partial) (\S+) .*|Connection )"
                  r"from (10\.199\.\d+\.\d+) port (\d+)")
DROPBEAR = re.compile(r"^\[\d+\] .*? (?:(Password auth succeeded|Pubkey auth succeeded)|"
                      r"(Bad password attempt)|Child connection).* from (10\.199\.\d+\.\d+):(\d+)")
# The client says each refusal, also those that sshd does not log (keys of a user that it does not
# know) or logs as "none" (an empty password). The first is the answer to its own `none`.
REFUSED = re.compile(r"Authentications that can continue|: Too many authentication failures")


def connections(d):
    """What the servers' logs say, by source address, root and kind of server."""
    seen = {}
    logs = [("%s/%s-%s.log" % (d, os.path.basename(root), kind), root, kind, SSHD)
            for root in ["", *ROOTS] for kind in KINDS]
    if os.path.exists(d + "/dropbear.log"):
        logs.append((d + "/dropbear.log", "", "dropbear", DROPBEAR))
    for name, root, kind, pattern in logs:
        with open(name) as f:
            for line in f:
                m = pattern.match(line)
                if not m:
                    continue
                what, method, address, port = m.groups()
                if address.startswith("10.199.25"):
                    continue # a server's own, the second leg of a jump
                one = seen.setdefault((address, root, kind), {"port": int(port), "attempts": 0,
                                                              "result": "failure"})
                assert one["port"] == int(port), line
                if pattern is DROPBEAR:
                    what, method = ("Accepted", "") if what else (method, "")
                if not what or method == "none":
                    continue
                one["attempts"] += 1
                if what == "Accepted":
                    one["result"] = "success"
    return seen


def truth(d, runs):
    seen = connections(d)
    out = []
    for r in runs:
        one = dict(seen[r["source"], r["root"], r["server"]])
        with open("%s/%s/out" % (d, r["source"]), errors="replace") as f:
            said = f.read()
        if r["tool"] not in ("jump", "dbclient", "paramiko"): # of a jump two clients speak
            one["attempts"] = len(REFUSED.findall(said)) - 1 + (one["result"] == "success")
            # what the server says must be what the client says
            assert ("Authenticated to" in said) == (one["result"] == "success"), (r, one)
        out.append(dict(r, **one))
    return out


# ---- the judgement ---------------------------------------------------------------------

# Of all connections at most so many unknown, of the others so many right; and no `success` with
# high confidence for a login that failed.
LIMITS = {"unknown": 0.20, "right": 0.95}


def events_of(path):
    """flow.end by source and port; and the flows of which a flow.update said success."""
    ends, told = {}, set()
    with open(path) as f:
        for line in f:
            e = json.loads(line)
            if not e["type"].startswith("flow."):
                continue
            key = e["source"]["ip"], e["source"]["port"]
            if e["type"] == "flow.end":
                ends[key] = e
            elif e.get("ssh", {}).get("auth", {}).get("result") == "success":
                told.add(key)
    return ends, told


class Row(collections.Counter):
    """Counts of one class of cipher."""

    def add(self, r, auth):
        got = auth.get("result")
        self["runs"] += 1
        self[r["result"], got] += 1
        self["high"] += got != "unknown" and auth.get("confidence") == "high"
        self["attempts"] += auth.get("attempts") == r["attempts"]

    def right(self):
        return self["success", "success"] + self["failure", "failure"]

    def unknown(self):
        return self["success", "unknown"] + self["failure", "unknown"]


def percent(n, of):
    return "%.1f %%" % (100 * n / of) if of else "-"


def table(rows):
    yield ("| | logins | in: `success` | in: `failure` | in: `unknown` | out: `success` | "
           "out: `failure` | out: `unknown` | right, of those not `unknown` | `high` | "
           "attempts right |")
    yield "|" + " --- |" * 11
    for name, row in rows.items():
        cells = [row["runs"]] + [row[a, b] for a in ("success", "failure")
                                 for b in ("success", "failure", "unknown")]
        cells += [percent(row.right(), row["runs"] - row.unknown()),
                  percent(row["high"], row["runs"]), percent(row["attempts"], row["runs"])]
        yield "| %s | %s |" % (name, " | ".join(str(c) for c in cells))


def verdict(good, text):
    print("%s - %s" % ("ok" if good else "not ok", text))


def judge(d, path, markdown=None):
    with open(d + "/truth.json") as f:
        runs = json.load(f)
    ends, told = events_of(path)
    rows = collections.defaultdict(Row)
    missing = wrong = untold = 0
    for r in runs:
        key = r["source"], r["port"]
        auth = ends.get(key, {}).get("ssh", {}).get("auth", {})
        missing += not auth
        false = auth.get("result") == "success" and r["result"] == "failure"
        wrong += false and auth["confidence"] == "high"
        untold += auth.get("result") == "success" and key not in told
        if auth.get("result") != r["result"] or auth.get("attempts") != r["attempts"]:
            print("# %s (%s, %s %s): was %s %d, is %s" % (r["name"], r["server"] + r["root"],
                  r["cipher"], r["mac"], r["result"], r["attempts"], json.dumps(auth)))
        system = os.path.basename(r["root"])
        other = r["server"] if r["server"] == "dropbear" else r["tool"]
        name = "server %s" % (system or other) if system or other == "dropbear" else \
            "client %s" % other if other in ("dbclient", "paramiko") else r["class"]
        rows[name].add(r, auth)
        rows["all"].add(r, auth)
    rows["all"] = rows.pop("all")
    a = rows["all"]
    known = a["runs"] - a.unknown()
    verdict(not missing and a["runs"] > 50, "%d logins, each with an outcome" % a["runs"])
    verdict(not wrong, "no failed login is a success with high confidence")
    verdict(a.right() >= LIMITS["right"] * known,
            "%s right of those that are not unknown" % percent(a.right(), known))
    verdict(a.unknown() < LIMITS["unknown"] * a["runs"],
            "%s unknown" % percent(a.unknown(), a["runs"]))
    verdict(a["attempts"] >= 0.95 * a["runs"],
            "attempts right in %s" % percent(a["attempts"], a["runs"]))
    verdict(not untold, "each success was told at once")
    if markdown:
        write(markdown, "".join(line + "\n" for line in table(rows)))


# ---- a capture with holes --------------------------------------------------------------

def answers_of(data):
    """Offsets and lengths of the packets of a capture file, and of those that a server sent with
    data, by the client's address and port."""
    packets, answers = [], collections.defaultdict(list)
    at = 24
    while at < len(data):
        n = struct.unpack_from("<I", data, at + 8)[0]
        p = data[at + 16:at + 16 + n]
        head = 14 + (p[14] & 15) * 4
        size = struct.unpack_from(">H", p, 16)[0] - (head - 14) - (p[head + 12] >> 4) * 4
        sport, dport = struct.unpack_from(">HH", p, head)
        if p[12:14] == b"\x08\0" and size > 0 and sport < 3000:
            answers[".".join(map(str, p[30:34])), dport].append(len(packets))
        packets.append((at, 16 + n))
        at += 16 + n
    return packets, answers


def make_holes(d, capture, out):
    with open(capture, "rb") as f:
        data = f.read()
    packets, answers = answers_of(data)
    lost = set()
    for i, (_, sent) in enumerate(sorted(answers.items())):
        # after identification, KEXINIT and the key exchange: an answer of the login
        if len(sent) > 5:
            lost.add(sent[4 + i % min(4, len(sent) - 5)])
    with open(out, "wb") as f:
        f.write(data[:24])
        for i, (at, n) in enumerate(packets):
            if i not in lost:
                f.write(data[at:at + n])
    print("%d packets left out" % len(lost))


def main():
    os.environ["PATH"] = "/usr/local/sbin:/usr/sbin:/sbin:" + os.environ["PATH"]
    commands = {"up": up, "run": run_all, "judge": judge, "break": make_holes, "down": down}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])


main()
