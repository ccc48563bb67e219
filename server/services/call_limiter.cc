#include "server/services/call_limiter.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "clock/steady.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "core/text_view.h"

namespace descent::services {
namespace {

// When to look again whether calls have ended, and what they held is free.
constexpr absl::Duration kLookAgain = absl::Milliseconds(100);
constexpr absl::Duration kBytesPause = absl::Milliseconds(10);
// A stream asks again after so long at most: it may have been cancelled, or have other limits.
constexpr absl::Duration kLongestPause = absl::Milliseconds(250);

constexpr std::size_t kLeastSweep = 1024;

// The part of a rate that streams leave to calls, which are refused where a stream only waits.
double LeftToCalls(std::int64_t per_second) {
  return std::max(1.0, static_cast<double>(per_second) / 10);
}

absl::Duration TimeFor(double calls, std::int64_t per_second) {
  return absl::Seconds(calls / static_cast<double>(per_second));
}

// Brings what may come at once up to date.
template <typename Tally>
void Refill(std::int64_t per_second, absl::Time now, Tally* tally) {
  const auto most = static_cast<double>(per_second);
  if (tally->per_second == 0) {
    tally->allowed = most;  // there was no bound until now
    tally->counted = now;
  } else if (now > tally->counted) {
    tally->allowed += most * absl::ToDoubleSeconds(now - tally->counted);
    tally->counted = now;
  }
  tally->allowed = std::min(tally->allowed, most);
  tally->per_second = per_second;
}

// Whether forgetting it changes nothing.
template <typename Tally>
bool IsIdle(const Tally& tally, absl::Time now) {
  if (tally.calls > 0) return false;
  if (tally.per_second == 0) return true;
  const auto most = static_cast<double>(tally.per_second);
  return tally.allowed + most * absl::ToDoubleSeconds(now - tally.counted) >= most;
}

absl::Status Refuse(LimitedParty party, LimitKind kind, std::string_view who,
                    const std::string& limit, const std::string& came, absl::Duration delay) {
  return WithRetryAfter(Error(absl::StatusCode::kResourceExhausted, ReasonOf(kind),
                              absl::StrCat("the ", View(NameOf(party)), " ", View(who),
                                           " may have ", limit, "; ", came),
                              {{"limited", std::string(NameOf(party))},
                               {NameOf(party), std::string(who)},
                               {"limit", limit}}),
                        delay);
}

}  // namespace

std::string_view NameOf(LimitedParty party) {
  return party == LimitedParty::kCaller ? "caller" : "connection";
}

std::string_view ReasonOf(LimitKind kind) {
  constexpr std::array<std::string_view, kLimitKinds> kReasons = {"TOO_MANY_CALLS", "RATE_EXCEEDED",
                                                                  "TOO_MANY_BYTES"};
  return kReasons[static_cast<std::size_t>(kind)];
}

std::string AddressOf(std::string_view peer) {
  const std::size_t port = peer.rfind(':');
  if (peer.starts_with("ipv4:")) return std::string(peer.substr(0, port));
  if (!peer.starts_with("ipv6:")) return std::string(peer);
  std::string host = absl::StrReplaceAll(View(peer.substr(5, port - 5)),
                                         {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}});
  if (const std::size_t zone = host.find('%'); zone != std::string::npos) host.resize(zone);
  in6_addr address = {};
  if (inet_pton(AF_INET6, host.c_str(), &address) != 1) return std::string(peer);
  if (IN6_IS_ADDR_LOOPBACK(&address)) return "ipv6:[::1]";
  std::memset(address.s6_addr + 8, 0, 8);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, &address, text.data(), text.size());
  return absl::StrCat("ipv6:[", text.data(), "]/64");
}

CallShare::~CallShare() {
  if (limiter_ != nullptr) limiter_->Leave(this);
}

void CallShare::CountMessage(std::size_t bytes) {
  bytes_ += bytes;
  for (const Stake& stake : stakes_) {
    if (stake.tally == nullptr) continue;
    Tally& tally = stake.tally->second;
    tally.bytes.fetch_add(bytes, std::memory_order_relaxed);
    if (stake.limits.per_second == 0) continue;
    const absl::MutexLock lock(&limiter_->mutex_);
    Refill(stake.limits.per_second, SteadyNow(), &tally);
    tally.allowed -= 1;
  }
}

void CallShare::Answered(std::size_t bytes) {
  if (limiter_ == nullptr) return;
  bytes_ -= bytes;
  for (const Stake& stake : stakes_) {
    if (stake.tally != nullptr) {
      stake.tally->second.bytes.fetch_sub(bytes, std::memory_order_relaxed);
    }
  }
}

absl::Duration CallShare::Pause() const {
  absl::Duration pause;
  for (const Stake& stake : stakes_) {
    if (stake.tally == nullptr) continue;
    Tally& tally = stake.tally->second;
    if (stake.limits.per_second > 0) {
      const absl::MutexLock lock(&limiter_->mutex_);
      Refill(stake.limits.per_second, SteadyNow(), &tally);
      const double missing = LeftToCalls(stake.limits.per_second) - tally.allowed;
      if (missing > 0) pause = std::max(pause, TimeFor(missing, stake.limits.per_second));
    }
    if (stake.limits.bytes > 0 &&
        tally.bytes.load(std::memory_order_relaxed) > stake.limits.bytes / 2) {
      pause = std::max(pause, kBytesPause);
    }
  }
  return std::min(pause, kLongestPause);
}

void CallShare::SetOverrides(const LimitOverrides* overrides) {
  if (limiter_ == nullptr) return;
  const CallerLimits& others = limiter_->limits_.caller;
  stakes_[0].limits = overrides == nullptr ? others : overrides->Over(others);
}

absl::Status CallLimiter::Check(LimitedParty party, const Stake& stake, std::size_t bytes) {
  if (stake.tally == nullptr) return absl::OkStatus();
  const CallerLimits& limits = stake.limits;
  const auto& [who, tally] = *stake.tally;
  const auto refuse = [&](LimitKind kind, const std::string& limit, const std::string& came,
                          absl::Duration delay) {
    refused_[Index(party, kind)].fetch_add(1, std::memory_order_relaxed);
    return Refuse(party, kind, who, limit, came, delay);
  };
  if (limits.calls > 0 && tally.calls >= limits.calls) {
    return refuse(LimitKind::kCalls, absl::StrCat(limits.calls, " calls at once"),
                  absl::StrCat(tally.calls, " are under way"), kLookAgain);
  }
  if (limits.per_second > 0 && tally.allowed < 1) {
    const absl::Duration delay = TimeFor(1 - tally.allowed, limits.per_second);
    return refuse(LimitKind::kRate, absl::StrCat(limits.per_second, " calls and messages a second"),
                  absl::StrCat("the next may come in ", absl::FormatDuration(delay)), delay);
  }
  const std::size_t held = tally.bytes.load(std::memory_order_relaxed);
  if (limits.bytes > 0 && held > 0 && (held >= limits.bytes || bytes > limits.bytes - held)) {
    return refuse(LimitKind::kBytes, absl::StrCat(limits.bytes, " bytes on their way"),
                  absl::StrCat(held, " are, and ", bytes, " more came"), kLookAgain);
  }
  return absl::OkStatus();
}

CallLimiter::Tallies::value_type* CallLimiter::Find(LimitedParty party, std::string_view key,
                                                    const CallerLimits& limits, absl::Time now) {
  const auto index = static_cast<std::size_t>(party);
  Tallies& tallies = tallies_[index];
  const auto [place, is_new] = tallies.try_emplace(View(key));
  if (is_new && tallies.size() > sweep_at_[index]) {
    place->second.calls = 1;  // stays
    Sweep(&tallies, now);
    place->second.calls = 0;
    sweep_at_[index] = std::max(kLeastSweep, 2 * tallies.size());
  }
  if (limits.per_second > 0) Refill(limits.per_second, now, &place->second);
  return &*place;
}

void CallLimiter::Sweep(Tallies* tallies, absl::Time now) {
  absl::erase_if(*tallies, [now](const auto& entry) { return IsIdle(entry.second, now); });
}

absl::Status CallLimiter::Take(std::string_view caller, const CallerLimits& own,
                               const std::string& peer, std::size_t bytes, CallShare* share) {
  const absl::Time now = SteadyNow();
  const std::string who = caller.empty() ? AddressOf(peer) : std::string(caller);
  std::array<Stake, kLimitedParties> stakes;
  const absl::MutexLock lock(&mutex_);
  if (own.any() || !caller.empty()) {
    stakes[0] = {Find(LimitedParty::kCaller, who, own, now), own};
  }
  if (limits_.connection.any()) {
    stakes[1] = {Find(LimitedParty::kConnection, peer, limits_.connection, now),
                 limits_.connection};
  }
  for (std::size_t i = 0; i < kLimitedParties; ++i) {
    absl::Status refusal = Check(static_cast<LimitedParty>(i), stakes[i], bytes);
    if (refusal.ok()) continue;
    Forget(stakes);
    return refusal;
  }
  for (const Stake& stake : stakes) {
    if (stake.tally == nullptr) continue;
    Tally& tally = stake.tally->second;
    ++tally.calls;
    tally.bytes.fetch_add(bytes, std::memory_order_relaxed);
    if (stake.limits.per_second > 0) tally.allowed -= 1;
  }
  share->limiter_ = this;
  share->stakes_ = stakes;
  share->bytes_ = bytes;
  return absl::OkStatus();
}

void CallLimiter::Leave(CallShare* share) {
  const absl::MutexLock lock(&mutex_);
  for (const Stake& stake : share->stakes_) {
    if (stake.tally == nullptr) continue;
    --stake.tally->second.calls;
    stake.tally->second.bytes.fetch_sub(share->bytes_, std::memory_order_relaxed);
  }
  Forget(share->stakes_);
}

void CallLimiter::Forget(const std::array<Stake, kLimitedParties>& stakes) {
  for (std::size_t i = 0; i < kLimitedParties; ++i) {
    const Tallies::value_type* const entry = stakes[i].tally;
    if (entry == nullptr || entry->second.calls > 0 || entry->second.per_second > 0) continue;
    tallies_[i].erase(tallies_[i].find(entry->first));
  }
}

std::size_t CallLimiter::size() const {
  const absl::MutexLock lock(&mutex_);
  std::size_t size = 0;
  for (const Tallies& tallies : tallies_) size += tallies.size();
  return size;
}

}  // namespace descent::services
