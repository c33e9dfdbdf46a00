# SPDX-License-Identifier: Apache-2.0
#
# `terraform test` in lambda/deploy/terraform: the module with a mocked provider, so it needs no
# account. tests/deploy/terraform.py compares every value with the real provider; this file is for
# a team that changes the module.

mock_provider "aws" {}

variables {
  environment          = "preprod"
  image_repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/preprod-sentiment-analysis"
  image_digest         = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  model_version        = "a1b2c3d"
  iam_role_arn         = "arn:aws:iam::123456789012:role/preprod-analysis-lambda-role"
  table_name           = "preprod-sentiment-items"
  topic_arn            = "arn:aws:sns:us-east-1:123456789012:preprod-sentiment-analysis-requests"
  dlq_arn              = "arn:aws:sqs:us-east-1:123456789012:preprod-sentiment-analysis-dlq"
}

run "in_place" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.function_name == "preprod-sentiment-analysis"
    error_message = "The function keeps the name ENVIRONMENT-sentiment-analysis."
  }
  assert {
    condition     = endswith(aws_lambda_function.this.image_uri, "@${var.image_digest}")
    error_message = "The image is named by digest."
  }
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      DATABASE_TABLE = "preprod-sentiment-items"
      ENVIRONMENT    = "preprod"
      MODEL_VERSION  = "a1b2c3d"
    })
    error_message = "The variables are those of the replaced function."
  }
  assert {
    condition     = aws_lambda_function.this.dead_letter_config[0].target_arn == var.dlq_arn
    error_message = "Failed events go to the dead-letter queue that exists."
  }
  assert {
    condition     = length(aws_budgets_budget.this) == 0
    error_message = "Without monthly_budget_limit there is no budget."
  }
  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "errors-5-minutes")
    error_message = "Alarms that a monitoring module has are created only on request."
  }
}

run "alone" {
  command = plan

  variables {
    create_shared_alarms = true
    monthly_budget_limit = 50
    budget_topic_arn     = "arn:aws:sns:us-east-1:123456789012:preprod-sentiment-alarms"
  }
  assert {
    condition = length(setsubtract(
      ["duration-p95", "errors-5-minutes", "sns-delivery-failures", "dead-letters-many"],
      keys(aws_cloudwatch_metric_alarm.this)
    )) == 0
    error_message = "The four shared alarms are created on request."
  }
  assert {
    condition     = tonumber(aws_budgets_budget.this["daily"].limit_amount) == 10
    error_message = "The daily budget is 10 dollars."
  }
}

run "tag_in_place_of_a_digest" {
  command = plan

  variables {
    image_digest = "v1.0.0"
  }
  expect_failures = [var.image_digest]
}

run "model_version_of_another_form" {
  command = plan

  variables {
    model_version = "latest"
  }
  expect_failures = [var.model_version]
}

run "tracing_of_another_kind" {
  command = plan

  variables {
    tracing_mode = "On"
  }
  expect_failures = [var.tracing_mode]
}

run "budget_without_a_topic" {
  command = plan

  variables {
    monthly_budget_limit = 50
  }
  expect_failures = [aws_budgets_budget.this]
}
