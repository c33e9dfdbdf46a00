# SPDX-License-Identifier: Apache-2.0
#
# A call of the module. In a configuration that has the function already, only the block of its
# module changes; role, table, topic, queue and repository stay as they are.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"

  # With these the example can be planned without an account. Delete them to use it.
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variable "model_version" {
  type    = string
  default = "v1.0.0"
}

variable "monthly_budget_limit" {
  type    = number
  default = 50
}

variable "image_digest" {
  type    = string
  default = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

module "analysis_lambda" {
  source = "../"

  function_name        = "sentiment-analyzer"
  environment          = "dev"
  image_repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/dev-sentiment-analysis"
  image_digest         = var.image_digest
  model_version        = var.model_version
  iam_role_arn         = "arn:aws:iam::123456789012:role/dev-analysis-lambda-role"
  table_name           = "dev-sentiment-items"
  topic_arn            = "arn:aws:sns:us-east-1:123456789012:sentiment-analyzer-events"
  dlq_arn              = "arn:aws:sqs:us-east-1:123456789012:sentiment-analyzer-dead-letters"
  alarm_actions        = ["arn:aws:sns:us-east-1:123456789012:sentiment-analyzer-alarms"]
  budget_topic_arn     = "arn:aws:sns:us-east-1:123456789012:sentiment-analyzer-alarms"
  monthly_budget_limit = var.monthly_budget_limit
  create_shared_alarms = true
}

resource "aws_sns_topic_subscription" "analysis" {
  topic_arn      = "arn:aws:sns:us-east-1:123456789012:sentiment-analyzer-events"
  protocol       = "lambda"
  endpoint       = module.analysis_lambda.function_arn
  redrive_policy = module.analysis_lambda.redrive_policy
  depends_on     = [aws_lambda_permission.topic]
}

resource "aws_lambda_permission" "topic" {
  action        = "lambda:InvokeFunction"
  function_name = module.analysis_lambda.function_name
  principal     = "sns.amazonaws.com"
  source_arn    = "arn:aws:sns:us-east-1:123456789012:sentiment-analyzer-events"
}
