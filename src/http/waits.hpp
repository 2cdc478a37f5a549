// Waits: the connections that wait for their clients, by sender. So a sender that keeps too many
// connections waiting can be found, and its oldest one closed to make room for others.
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <map>
#include <set>

#include "http/sender.hpp"

namespace pganalytics::http {

class Connection;

class Waits {
  public:
    using Connections = std::list<Connection*>;  // the one that waits longest first
    using BySender = std::map<Sender, Connections>;
    struct Place {
        BySender::iterator sender;
        Connections::iterator connection;
    };

    // A sender that has more than `share` connections here is crowding.
    explicit Waits(size_t share) : share_(share) {}

    Place Enter(const Sender& sender, Connection* connection) {
        const auto entry = by_sender_.try_emplace(sender).first;
        entry->second.push_back(connection);
        if (entry->second.size() > share_) crowding_.insert(sender);
        return {entry, std::prev(entry->second.end())};
    }

    void Leave(const Place& place) {
        Connections& connections = place.sender->second;
        connections.erase(place.connection);
        if (connections.size() <= share_) crowding_.erase(place.sender->first);
        if (connections.empty()) by_sender_.erase(place.sender);
    }

    // Crowding returns, of the sender with the most connections here, the one that waits longest.
    // It returns nullptr if no sender has more than its share.
    Connection* Crowding() const {
        const Connections* most = nullptr;
        for (const Sender& sender : crowding_) {
            const Connections& connections = by_sender_.find(sender)->second;
            if (most == nullptr || connections.size() > most->size()) most = &connections;
        }
        return most == nullptr ? nullptr : most->front();
    }

  private:
    const size_t share_;
    BySender by_sender_;
    std::set<Sender> crowding_;
};

}  // namespace pganalytics::http
