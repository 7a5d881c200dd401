# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# openssl: signs and verifies with a fixed key, verifies many certificates in one process, encrypts, digests.
packages=openssl
commands=openssl

Prepare() {
  local n
  head -c 20000000 < <(yes "some text to encrypt") > "$inputs/text"
  openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=root -days 30 -keyout "$inputs/key" \
    -out "$inputs/root"
  openssl req -newkey rsa:2048 -nodes -subj /CN=leaf -keyout "$inputs/leaf.key" -out "$inputs/request"
  for n in {1..10}; do
    openssl x509 -req -in "$inputs/request" -CA "$inputs/root" -CAkey "$inputs/key" -set_serial "$n" \
      -days 30 -out "$inputs/leaf$n"
  done
}

# Signatures are PKCS#1 v1.5, without a random part.
Work() {
  local leaves=("$inputs"/leaf?) round
  Watched openssl dgst -sha256 -sign "$inputs/key" -out signature "$inputs/text"
  sha256sum signature
  Watched openssl x509 -in "$inputs/root" -noout -pubkey > public
  Watched openssl dgst -sha256 -verify public -signature signature "$inputs/text"
  for round in {1..4}; do
    Watched openssl verify -CAfile "$inputs/root" \
      "${leaves[@]}" "${leaves[@]}" "${leaves[@]}" "${leaves[@]}" "${leaves[@]}" | sha256sum
  done
  Watched openssl enc -aes-256-ctr -pbkdf2 -iter 100000 -nosalt -k password -in "$inputs/text" |
    Watched openssl dgst -sha512
  Watched openssl speed -seconds 1 -bytes 1024 sha256 2> speed.log | grep -c sha256
  # What it counted and how long it took is different each time.
  sed -E 's/[0-9][0-9.]*/N/g' speed.log
  Exits 2 openssl verify -CAfile "$inputs/leaf1" "$inputs/leaf2"
}
