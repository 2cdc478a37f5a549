pganalytics_unit_test(redact_test
  SOURCES redact/json_masker_test.cpp redact/message_masker_test.cpp redact/sql_masker_test.cpp
  LIBRARIES pganalytics_redact)
