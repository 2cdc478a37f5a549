pganalytics_unit_test(collector_test
  SOURCES collector/answer_test.cpp collector/backoff_test.cpp collector/config_test.cpp
          collector/counters_test.cpp collector/enrollment_test.cpp collector/identity_test.cpp
          collector/keeper_test.cpp collector/limiter_test.cpp
          collector/outbox_test.cpp collector/push_body_test.cpp collector/rebase_test.cpp
          collector/secret_test.cpp collector/statements_query_test.cpp
          collector/steps_test.cpp collector/tracker_test.cpp collector/trust_test.cpp
  LIBRARIES pganalytics_collector_lib PkgConfig::COLLECTOR_CJSON PkgConfig::COLLECTOR_DEFLATE)
